/** Tells an error to whoever watches for those that nobody caught. */
export function report(error: unknown): void {
  if (typeof reportError === "function") return reportError(error);
  setTimeout(() => {
    throw error;
  });
}
