// Keeps the application's own files for when there is no network, and shows pushes. The build fills in its name and its files.
const SHELL = `tidings-${"BUILD"}`;
const FILES = ["FILES"];
const TEXTS = { PUSH_MESSAGE: "New message", PUSH_MENTION: "You were mentioned" };
const SLOW_MS = 3000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES.filter((file) => file.startsWith("/")))).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    // A page of the build before this one may be open still, and loads parts of it when they are needed: that one is kept.
    const others = (await caches.keys()).filter((name) => name.startsWith("tidings-") && name !== SHELL);
    await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin || request.method !== "GET") return;
  // A file's name changes with what is in it, so what is kept is what would come.
  if (url.pathname.startsWith("/assets/")) event.respondWith(kept(request).then((response) => response ?? fetched(request)));
  else if (request.mode === "navigate") event.respondWith(newest(request, "/"));
  else if (["/config.json", "/icon.svg", "/icon-192.png", "/app.webmanifest"].includes(url.pathname)) event.respondWith(newest(request, request));
});

async function kept(request) {
  return (await (await caches.open(SHELL)).match(request, { ignoreSearch: true })) ?? caches.match(request, { ignoreSearch: true });
}

async function fetched(request, name = request) {
  const response = await fetch(request);
  if (response.ok) await (await caches.open(SHELL)).put(name, response.clone());
  return response;
}

/** The network's, or what is kept where that is away or slow. */
async function newest(request, name) {
  const before = await kept(name);
  const now = fetched(request, name);
  if (!before) return now;
  const slow = new Promise((resolve) => setTimeout(() => resolve(before), SLOW_MS));
  return Promise.race([now.catch(() => before), slow]);
}

self.addEventListener("push", (event) => {
  event.waitUntil(show(read(event.data)));
});

/** What a push says: never what was written, only that something was. A browser shows each, so one that cannot be read too. */
function read(data) {
  try {
    return data?.json() ?? {};
  } catch {
    return {};
  }
}

async function show(push) {
  const id = push.data?.conversationId;
  await self.registration.showNotification(push.title ?? "Tidings", {
    body: TEXTS[push.key] ?? TEXTS.PUSH_MESSAGE, icon: "/icon-192.png", badge: "/icon-192.png", renotify: Boolean(push.tag), tag: push.tag ?? id ?? "tidings",
    data: { conversationId: id },
  });
  if ("setAppBadge" in self.navigator && Number.isInteger(push.badge)) await self.navigator.setAppBadge(push.badge).catch(() => undefined);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const id = event.notification.data?.conversationId;
  event.waitUntil((async () => {
    const [open] = await self.clients.matchAll({ type: "window" });
    if (!open) return self.clients.openWindow(id ? `/#c=${encodeURIComponent(id)}` : "/");
    await open.focus();
    if (id) open.postMessage({ open: id });
  })());
});
