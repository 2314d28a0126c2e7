// After the first visit all comes from here, also without a network.

const version = 'VERSION', files = []      // written by `export.build_page`
const ours = `picnet ${registration.scope} `, now = ours + version      // other pages of the same address keep what is theirs

self.addEventListener('install', e => e.waitUntil(caches.open(now).then(c => c.addAll(files.map(o => new Request(o, { cache: 'no-cache' })))).then(() => self.skipWaiting())))
self.addEventListener('activate', e => e.waitUntil(caches.keys().then(all => Promise.all(all.filter(k => k.startsWith(ours) && k !== now).map(k => caches.delete(k)))).then(() => self.clients.claim())))
self.addEventListener('fetch', e => e.respondWith(caches.open(now).then(c => c.match(e.request, { ignoreSearch: true })).then(o => o || fetch(e.request))))
