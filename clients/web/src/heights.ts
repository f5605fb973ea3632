/** How tall things in a list are, of which few are in the page: sums of heights that are known or guessed. */
export class Heights {
  private readonly known = new Map<string, number>();
  private keys: readonly string[] = [];
  private places = new Map<string, number>();
  /** Sums of a Fenwick tree: a height changes, and an offset is found, in log n. */
  private sums = new Float64Array(1);
  private values = new Float64Array(0);

  constructor(private readonly guess: (key: string) => number) {}

  /** The things of the list, in order. What is known of those that stay is kept. */
  use(keys: readonly string[]): void {
    if (keys === this.keys) return;
    this.keys = keys;
    this.places = new Map(keys.map((key, index) => [key, index]));
    this.values = Float64Array.from(keys, (key) => this.known.get(key) ?? this.guess(key));
    this.sums = new Float64Array(keys.length + 1);
    for (let index = 1; index <= keys.length; index += 1) {
      this.sums[index]! += this.values[index - 1]!;
      const parent = index + (index & -index);
      if (parent <= keys.length) this.sums[parent]! += this.sums[index]!;
    }
  }

  /** One was measured; answers whether it is another than was thought. */
  measured(key: string, height: number): boolean {
    this.known.set(key, height);
    const index = this.places.get(key);
    if (index === undefined) return false;
    const change = height - this.values[index]!;
    if (Math.abs(change) < 0.5) return false;
    this.values[index] = height;
    for (let at = index + 1; at < this.sums.length; at += at & -at) this.sums[at]! += change;
    return true;
  }

  get length(): number {
    return this.keys.length;
  }

  get total(): number {
    return this.offset(this.keys.length);
  }

  indexOf(key: string): number {
    return this.places.get(key) ?? -1;
  }

  /** Where a thing begins. */
  offset(index: number): number {
    let sum = 0;
    for (let at = Math.min(Math.max(index, 0), this.keys.length); at > 0; at -= at & -at) sum += this.sums[at]!;
    return sum;
  }

  /** What lies at an offset; the first or last where it is outside. */
  at(offset: number): number {
    let index = 0;
    let left = offset;
    for (let step = 1 << (31 - Math.clz32(Math.max(1, this.keys.length))); step > 0; step >>= 1) {
      const next = index + step;
      if (next <= this.keys.length && this.sums[next]! <= left) {
        index = next;
        left -= this.sums[next]!;
      }
    }
    return Math.max(0, Math.min(index, this.keys.length - 1));
  }
}
