// Keeps the application's own files for when there is no network, and shows pushes.
const SHELL = "tidings-shell-1";
const TEXTS = { PUSH_MESSAGE: "New message", PUSH_MENTION: "You were mentioned" };

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(["/", "/icon.svg", "/app.webmanifest"])).then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const isOwn = url.origin === self.location.origin && request.method === "GET";
  const isFile = request.mode === "navigate" || url.pathname.startsWith("/assets/") || url.pathname === "/config.json" || url.pathname === "/icon.svg";
  if (!isOwn || !isFile) return;
  // The network first: what is kept is for when there is none.
  event.respondWith(
    fetch(request)
      .then(async (response) => {
        if (response.ok) (await caches.open(SHELL)).put(request.mode === "navigate" ? "/" : request, response.clone());
        return response;
      })
      .catch(async () => (await caches.match(request.mode === "navigate" ? "/" : request)) ?? Response.error()),
  );
});

self.addEventListener("push", (event) => {
  const push = event.data?.json() ?? {};
  event.waitUntil(self.registration.showNotification(push.title ?? "Tidings", {
    body: TEXTS[push.key] ?? TEXTS.PUSH_MESSAGE, icon: "/icon.svg", ...(push.tag ? { tag: push.tag } : {}), data: push.data ?? {},
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const target = `/#c=${encodeURIComponent(event.notification.data?.conversationId ?? "")}`;
  event.waitUntil(self.clients.matchAll({ type: "window" }).then((windows) => {
    const [open] = windows;
    return open ? open.focus().then(() => open.navigate(target)) : self.clients.openWindow(target);
  }));
});
