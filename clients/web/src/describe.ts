/** Messages and changes of groups in a line of words; and whom a text names. */
import { type Message, textOf, UNREADABLE } from "@tidings/client";

const MENTIONS_MAX = 64;

/** A message in a line. */
export function describe(message: Message, me = ""): string {
  if (message.gone === "deleted") return "This message was deleted";
  if (message.gone) return "This message is gone";
  if (message.isEncrypted) return "Waiting for this message";
  if (message.kind === UNREADABLE) return "A message that this device cannot read";
  if (message.event === "membership") return describeMembership(message.payload, me);
  if (message.viewOnce) return "A message to open once";
  const text = textOf(message.payload);
  if (text) return text;
  return kindName(message.kind);
}

export const kindName = (kind: string): string => ({ image: "Photo", video: "Video", audio: "Voice note", doc: "File", poll: "Poll" })[kind] ?? "Message";

/** A change of a group's members or settings, as a sentence. */
export function describeMembership(payload: unknown, me: string): string {
  const change = (payload ?? {}) as { change?: string; userId?: string; userIds?: string[]; actorUserId?: string; title?: string };
  const actor = change.actorUserId === me ? "You" : (change.actorUserId ?? "Somebody");
  const users = (change.userIds ?? [change.userId ?? "somebody"]).map((user) => (user === me ? "you" : user)).join(", ");
  const subject = users === "you" ? "You" : users;
  switch (change.change) {
    case "created": return `${actor} made the group`;
    case "added": return `${actor} added ${users}`;
    case "joined": return `${subject} joined`;
    case "removed": return `${actor} removed ${users}`;
    case "left": return `${subject} left`;
    case "promoted": return `${actor} made ${users} an admin`;
    case "demoted": return `${actor} took the admin role from ${users}`;
    case "renamed": return `${actor} named the group “${change.title ?? ""}”`;
    case "dissolved": return `${actor} ended the group`;
    default: return `${actor} changed the settings`;
  }
}

/** Whom a text names; those of a conversation of two are told anyway. */
export function mentionsIn(id: string, text: string): { mentions?: string[] } {
  if (!id.startsWith("g:")) return {};
  const users = [...text.matchAll(/(?:^|[\s(])@([A-Za-z0-9._-]{1,64})/g)].map(([, user = ""]) => (user === "all" ? "@all" : user.replace(/[.-]+$/, "")));
  const mentions = [...new Set(users)].filter(Boolean).slice(0, MENTIONS_MAX);
  return mentions.length > 0 ? { mentions } : {};
}
