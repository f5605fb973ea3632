/** Who is typing where: each word of it is worth some seconds. */
import { signal } from "@preact/signals";
import { TYPING_LASTS_MS } from "@tidings/client";

export class Typing {
  private readonly users = signal<ReadonlyMap<string, ReadonlySet<string>>>(new Map());
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  /** Somebody types, until they stop or have said nothing of it for a while. */
  set(id: string, user: string, isActive: boolean): void {
    const key = `${id} ${user}`;
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    if (isActive) this.timers.set(key, setTimeout(() => this.set(id, user, false), TYPING_LASTS_MS));
    const users = new Set(this.users.value.get(id));
    if (users.has(user) === isActive) return;
    if (isActive) users.add(user);
    else users.delete(user);
    this.users.value = new Map(this.users.value).set(id, users);
  }

  /** Who types in a conversation, as it is shown; nothing where nobody does. */
  text(id: string): string {
    const [one, other, ...more] = this.users.value.get(id) ?? [];
    if (one === undefined) return "";
    if (!id.startsWith("g:")) return "typing…";
    if (other === undefined) return `${one} is typing…`;
    return more.length > 0 ? "several are typing…" : `${one} and ${other} are typing…`;
  }
}
