/** Calls of the HTTP API. */
import type { ErrorFrame } from "./frames.ts";

/** Gives an access token; `again` where the service has refused the last one. */
export type TokenSource = (again: boolean) => string | Promise<string>;

/** The service, or what stands before it, refused a call. */
export class CallError extends Error {
  readonly status: number;
  /** The service's word, where the answer was the service's own. */
  readonly body: Partial<ErrorFrame>;

  constructor(status: number, body: Partial<ErrorFrame>) {
    super(body.message ?? `refused with ${status}`);
    this.name = "CallError";
    this.status = status;
    this.body = body;
  }
}

/** How to reach the HTTP API. */
export interface HttpConfig {
  /** With the stage: `https://HOST/v1`. */
  url: string;
  deviceId: string;
  token: TokenSource;
  fetch?: typeof fetch;
  timeoutMs?: number;
}

/** A value of a query; what is undefined is left out. */
export type Query = Record<string, string | number | undefined>;

/** What a call may have. */
export interface CallOptions {
  query?: Query;
  body?: unknown;
  /** In place of the client's own. */
  timeoutMs?: number;
  /** Ends the call before its answer. */
  signal?: AbortSignal;
}

/** Calls the HTTP API as one device. */
export class Http {
  constructor(private readonly config: HttpConfig) {}

  /** One call. `path` begins with a slash; its parts are percent-encoded by {@link path}. A 401 is tried once more with a new token. */
  async call<Answer>(method: string, target: string, options: CallOptions = {}): Promise<Answer> {
    const url = new URL(this.config.url + target);
    for (const [name, value] of Object.entries(options.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    let response = await this.attempt(method, url, options, false);
    if (response.status === 401) response = await this.attempt(method, url, options, true);
    const text = await response.text();
    const body = text === "" ? undefined : parse(text);
    if (!response.ok) throw new CallError(response.status, (body ?? {}) as Partial<ErrorFrame>);
    return body as Answer;
  }

  private async attempt(method: string, url: URL, { body, timeoutMs, signal }: CallOptions, again: boolean): Promise<Response> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${await this.config.token(again)}`,
      "x-device-id": this.config.deviceId,
    };
    if (body !== undefined) headers["content-type"] = "application/json";
    return (this.config.fetch ?? fetch)(url, {
      method,
      headers,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs ?? this.config.timeoutMs ?? 20_000), ...(signal ? [signal] : [])]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

/** A path, its parts percent-encoded: path`/conversations/${id}/messages`. */
export function path(texts: TemplateStringsArray, ...parts: string[]): string {
  return texts.reduce((made, text, index) => made + encodeURIComponent(parts[index - 1] ?? "") + text);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
