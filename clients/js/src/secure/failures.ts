/** Why something was not done, and whether it may be another time. */
import { retryAfterMs } from "../engine.ts";
import type { ErrorFrame } from "../frames.ts";
import type { CallError } from "../http.ts";

/** Whether a call did not come through. */
export const isOffline = (error: unknown): boolean => error instanceof TypeError || error instanceof DOMException;

/** MLS, or the form of a content, does not let it: nothing has changed. */
export const isRefusal = (error: unknown): boolean => error instanceof Error && (error.name === "MlsError" || error.name === "ContentError");

export const isOfAnother = (error: unknown): boolean => error instanceof Error && "isOfAnother" in error && error.isOfAnother === true;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const errorFrame = (code: ErrorFrame["code"], message: string): ErrorFrame => ({ type: "error", code, message }) as ErrorFrame;

/** After how many ms to try again what the service cannot do now; none where that would not help. */
export function passesAfterMs({ body, status }: CallError): number | undefined {
  if (body.code !== undefined) return retryAfterMs(body as ErrorFrame);
  return status >= 500 || status === 429 ? 1_000 : undefined;
}
