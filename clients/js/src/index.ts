/** Tidings in a browser and in Node. */
export * from "./client.ts";
export { Engine, RequestError, retryAfterMs, TYPING_LASTS_MS, type EngineConfig, type EngineEvent } from "./engine.ts";
export * from "./finder.ts";
export * from "./fold.ts";
export * from "./frames.ts";
export * from "./http.ts";
export { Backoff, fullJitter } from "./machine/backoff.ts";
export * from "./media.ts";
export * from "./search.ts";
export * from "./store.ts";
export * from "./tabs.ts";
export { Timeline } from "./timeline.ts";
export { CallTransport, type SocketLike } from "./transport.ts";
