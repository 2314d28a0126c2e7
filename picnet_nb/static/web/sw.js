// After the first visit all comes from here, also without a network.

const version = 'VERSION', files = []      // written by `export.build_page`

self.addEventListener('install', e => e.waitUntil(caches.open(version).then(c => c.addAll(files)).then(() => self.skipWaiting())))
self.addEventListener('activate', e => e.waitUntil(caches.keys().then(all => Promise.all(all.filter(k => k !== version).map(k => caches.delete(k)))).then(() => self.clients.claim())))
self.addEventListener('fetch', e => e.respondWith(caches.match(e.request, { ignoreSearch: true }).then(o => o || fetch(e.request))))
