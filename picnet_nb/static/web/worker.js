// The page's kernel: it does what widget.py does in a notebook, with onnxruntime in the place of torch. What `msg.do` means is said there.

import * as ort from './ort.mjs'
import { Bits, crc } from './bits.js'
import { Surroundings } from './detail.js'
import { same } from './dom.js'
import { Window, even, noise, slerp } from './window.js'

const state = { name: '', pictures: [], _at: -1, _size: [], _picture: new Uint8Array(), _mask: new Uint8Array(), kept: [], _shown: [], _samples: [], model: '', n: 8, temperature: 1, seed: null,
  how: {}, status: { state: 'busy', text: 'Loading ...' } }
const pictures = [], rounds = [], canvas = (w, h) => new OffscreenCanvas(w, h).getContext('2d', { willReadFrequently: true })
const backend = { executionProviders: ['wasm'] }
let config, net, number = 0, queue = Promise.resolve(), parts = [], lender, recent = []      // the surroundings of one window; completions that have `enlarged`

function set(changes) { Object.assign(state, changes); postMessage({ set: changes }) }
function send(msg, buffers = []) { postMessage({ msg, buffers }) }
function say(kind, text = '', more = {}) { set({ status: { state: kind, text, tick: Math.random(), ...more } }) }

// --- the network

async function load() {
  set(state)
  const get = async (name, cache = 'no-cache') => { const r = await fetch(name, { cache }); if (!r.ok) throw new Error(`${name} is missing on the server.`); return r }
  config = await (await get('config.json')).json()
  set({ _samples: config.samples })
  await openFile('daisy_1', await (await get('samples/daisy_1.jpg')).blob())
  const kept = await globalThis.caches?.open(`picnet ${new URL('.', location)} ${config.version}`).catch(() => null), mb = n => Math.floor(n / 1e6)
  let came = 0, size = 0
  const large = async name => { // kept for the next visit by us: the service worker would fetch it once more
    const there = await kept?.match(name)
    if (there) return new Uint8Array(await there.arrayBuffer())
    const r = await get(name, kept ? 'reload' : 'no-cache'), reader = r.body.getReader(), parts = []      // a bad answer may be newer than the file
    size += +r.headers.get('content-length')
    for (let o; !(o = await reader.read()).done;) {
      parts.push(o.value)
      came += o.value.length
      if (mb(came) > mb(came - o.value.length) && state.status.state !== 'error') say('busy', `Loading the network: ${mb(came)}${size > came ? ` of ${mb(size)}` : ''} MB ...`)
    }
    const all = new Blob(parts)
    await kept?.put(name, new Response(all)).catch(() => {})      // no room: then it is fetched again
    return new Uint8Array(await all.arrayBuffer())
  }
  const names = ['ort.wasm.gz', 'look.onnx', 'paint.onnx'], [wasm, look, paint] = await Promise.all(names.map(large))
  const unpacked = wasm[0] ? new Response(new Blob([wasm]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer() : wasm      // some servers unpack it
  try {
    Object.assign(ort.env.wasm, { numThreads: 1, wasmBinary: await unpacked })
    net = { look: await ort.InferenceSession.create(look, backend), paint: await ort.InferenceSession.create(paint, backend) }
  } catch (e) { await Promise.all(names.map(o => kept?.delete(o))); throw e }      // a server may have answered with something else
  if (state.status.state === 'busy') ready()
}

const tensor = (data, ...dims) => new ort.Tensor('float32', data, dims)

async function look(picture, mask) { // a window that the encoder has seen
  await loaded
  const w = new Window(picture, mask, config.image_size), S = w.S
  w.given = { image: tensor(w.image, 1, 3, S, S), hole: tensor(w.hole, 1, 1, S, S) }
  w.seen = await net.look.run(w.given)
  return w
}

async function paint(w, eps) { // RGBA of the model's size
  const { made } = await net.paint.run({ ...w.given, ...w.seen, eps: tensor(eps, 1, ...config.noise) })
  return w.pixels(made.data)
}

const size = () => config.noise.reduce((a, b) => a * b)

// --- pictures

async function openFile(name, blob) {
  let image
  try { image = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' }) } catch { throw new Error(`${name} can not be opened: it is no image that the browser knows.`) }
  const { width: w, height: h } = image, ctx = canvas(w, h)
  ctx.drawImage(image, 0, 0)
  const { data } = ctx.getImageData(0, 0, w, h), erased = new Bits(w, h)
  if (!data.some(o => o)) throw new Error(`${name} shows nothing, or has more pixels than this browser can hold: ${w}x${h}.`)      // an iPhone before iOS 18
  for (let y = 0, i = 3; y < h; y++) for (let x = 0; x < w; x++, i += 4) { if (data[i] < 128) erased.span(y, x, x + 1, true); data[i] = 255 }
  await add(name.replace(/\.\w+$/, ''), data, w, h, erased.empty ? new Uint8Array() : await erased.png())
}

async function add(name, data, w, h, hole = new Uint8Array()) { pictures.push({ name, data, w, h, hole }); await go(pictures.length - 1) }

async function go(k) {
  const o = pictures[k], { w, h, name, hole } = o
  number++
  o.screen ??= await encode(shown(o), [0, 0, w, h], 1600)
  set({ pictures: pictures.map(p => p.name), _at: k, _size: [w, h], name, _mask: hole, _picture: o.screen, _shown: [] })
  ready()
}

function ready() { say('ready', `${state.name || 'image'}, ${state._size.join('x')} pixels.`) }

function whole(data, w, h) { const ctx = canvas(w, h); ctx.putImageData(new ImageData(data, w, h), 0, 0); return ctx.canvas }

function shown(p) { return p.whole ??= whole(p.data, p.w, p.h) }      // a picture as a canvas

async function encode(from, [l, t, r, b], side) { // a part of a picture as a file, its longer side at most so many pixels
  const k = Math.min(1, side / Math.max(r - l, b - t)), ctx = canvas(Math.max(1, Math.round(k * (r - l))), Math.max(1, Math.round(k * (b - t)))), { width, height } = ctx.canvas
  ctx.imageSmoothingQuality = 'high'
  ctx.drawImage(from, l, t, r - l, b - t, 0, 0, width, height)
  return file(ctx.canvas, width * height < 100000 ? 'image/png' : 'image/jpeg')
}

async function file(from, type) { return new Uint8Array(await (await from.convertToBlob({ type, quality: .95 })).arrayBuffer()) }

async function readMask({ hole, w, h }) { // one byte a pixel; the file may be smaller
  const out = new Uint8Array(w * h)
  if (!hole.length) return out
  const image = await createImageBitmap(new Blob([hole])), { width: u, height: v } = image, ctx = canvas(u, v)
  ctx.drawImage(image, 0, 0)
  const { data } = ctx.getImageData(0, 0, u, v)
  for (let y = 0; y < h; y++) for (let x = 0, row = Math.floor((y + .5) * v / h) * u; x < w; x++) out[y * w + x] = data[4 * (row + Math.floor((x + .5) * u / w))] > 127 ? 1 : 0
  return out
}

// --- completions

function enlarged(c, picture) { // the hole's box in the picture's own pixels, with detail where there is some to lend
  if (c.enlarged) return c.enlarged
  if (lender?.window !== c.window) lender = new Surroundings(picture, c.window)
  c.enlarged = lender.enough ? lender.detail(c.small) : c.window.enlarge(c.small)
  for (recent.push(c); recent.length > 1 && recent.reduce((n, o) => n + o.enlarged.length, 0) > 2 ** 26;) delete recent.shift().enlarged      // it can be made again
  return c.enlarged
}

function filled(r, i) { // the whole picture, with completion i of round r
  const c = rounds[r].made[i], picture = pictures[rounds[r].picture]
  return c.window.paste(enlarged(c, picture), picture.data.slice())
}

async function thumbnail(o, c) {
  const [l, t, r, b] = o.box, [x, y, right, bottom] = c.window.box, p = pictures[o.picture], k = 256 / Math.max(r - l, b - t), { S, content: [u, v, w, h] } = c.window
  const ctx = canvas(Math.max(1, Math.round(k * (r - l))), Math.max(1, Math.round(k * (b - t))))
  ctx.drawImage(shown(p), l, t, r - l, b - t, 0, 0, ctx.canvas.width, ctx.canvas.height)
  const only = c.small.slice()
  for (let i = 0; i < S * S; i++) only[4 * i + 3] = c.window.hole[i] ? 255 : 0
  ctx.drawImage(whole(only, S, S), u, v, w - u, h - v, k * (x - l), k * (y - t), k * (right - x), k * (bottom - y))
  return file(ctx.canvas, 'image/jpeg')
}

async function make(mine, about, n, draw) { // rounds grow as completions are made; a newer wish than `mine` ends it
  const start = performance.now(), r = rounds.length, o = { title: '', ...about, made: [] }
  for (let i = 0; i < n; i++) {
    if (mine !== number) return
    say('busy', i ? `${i} of ${n} ...` : 'Completing ...', { done: i, total: n })
    const { window, eps } = draw(i)
    const c = { window, eps, small: await paint(window, eps) }
    if (mine !== number) return
    o.made.push(c)
    if (!i) {
      const { w, h } = pictures[o.picture], [l, t, right, b] = window.part, m = Math.floor(Math.max(right - l, b - t, 16) / 3)
      o.box = [Math.max(l - m, 0), Math.max(t - m, 0), Math.min(right + m, w), Math.min(b + m, h)]
      rounds.push(o)
    }
    await tell(r, i)
    if (!i && !about.still) set({ _shown: [r, 0] })
    await new Promise(done => setTimeout(done))      // let other messages in
  }
  say('done', `${n} completions in ${((performance.now() - start) / 1000).toFixed(1)} s.`)
}

async function tell(r, start = 0) {
  const { made, ...o } = rounds[r]
  send({ ...o, do: 'round', round: r, start }, await Promise.all(made.slice(start).map(c => thumbnail(rounds[r], c))))
}

const does = {
  async complete({ n, temperature, seed }, buffers, mine, picture) {
    set({ n, temperature, seed })
    const p = pictures[picture], mask = await readMask(p)
    if (!mask.some(o => o)) throw new Error('There is no hole yet: paint over what should be replaced.')
    if (mask.every(o => o)) throw new Error('Nothing is known: the hole covers the whole image; leave some pixels to start from.')
    const w = await look(p, mask), by = seed ?? crypto.getRandomValues(new Uint32Array(1))[0]
    await make(mine, { seed: by, picture }, n, i => ({ window: w, eps: noise(by, i, size()).map(v => temperature * v) }))
  },
  async vary({ round, i, n = state.n, amount = .3, seed = crypto.getRandomValues(new Uint32Array(1))[0] }, buffers, mine) {
    const { picture, made } = rounds[round], { window, eps } = made[i], old = Math.sqrt(1 - amount ** 2)
    await make(mine, { title: `like ${i + 1} of set ${round + 1}`, still: true, seed, picture }, n, k => { const more = noise(seed, k, size()); return { window, eps: eps.map((v, j) => old * v + amount * more[j]) } })
  },
  async between({ i, round, j, n = 9 }, buffers, mine) {
    const [r] = state._shown, a = rounds[r].made[i], b = rounds[round].made[j]
    if (a === b) throw new Error('Choose another completion as the other end.')
    if (a.window !== b.window && !same(a.window.whole, b.window.whole)) throw new Error('These two fill different holes: there is nothing in between.')
    await make(mine, { picture: rounds[r].picture, title: `from ${i + 1} of set ${r + 1} to ${j + 1}` + (r === round ? '' : ` of set ${round + 1}`), walk: true }, n, k => ({ window: a.window, eps: slerp(a.eps, b.eps, k / (n - 1)) }))
  },
  stop() { number++; if (state.status.state === 'busy') say('ready', 'Stopped.') },
  go: ({ k }) => go(k),
  async show({ at }) { if (at.length && rounds[at[0]].picture !== state._at) await go(rounds[at[0]].picture); set({ _shown: at }) },
  use: ({ round, i }) => { const { w, h, name } = pictures[rounds[round].picture]; return add(`${name}-${pictures.length + 1}`, filled(round, i), w, h) },
  async extend({ sides }) {
    const { data, w, h, name } = pictures[state._at], [l, t, r, b] = sides.map((o, i) => even(parseFloat(o) * (String(o).endsWith('%') ? (i % 2 ? h : w) / 100 : 1))), W = l + w + r, H = t + h + b
    const larger = new Uint8ClampedArray(4 * W * H).fill(255), hole = new Bits(W, H)
    hole.invert()
    for (let y = 0; y < h; y++) { larger.set(data.subarray(4 * y * w, 4 * (y + 1) * w), 4 * ((t + y) * W + l)); hole.span(t + y, l, l + w, false) }
    await add(`${name}-${pictures.length + 1}`, larger, W, H, await hole.png())
  },
  async look({ at, picture, box: part, side, ...more }) {
    const p = pictures[at.length ? rounds[at[0]].picture : picture]
    send({ ...more, at, picture, box: part, side, do: 'look' }, [await encode(at.length ? whole(filled(...at), p.w, p.h) : shown(p), part, side)])
  },
  async sample({ name }) { await openFile(name, await (await fetch(`samples/${name}.jpg`).catch(() => { throw new Error(`${name} can not be fetched: there is no network.`) })).blob()) },
  async upload({ name, part, parts: n }, [data]) {
    parts = [...part ? parts : [], data]
    if (part === n - 1) await openFile(name, new Blob(parts))
  },
  async download({ which, kind, ...more }) {
    const name = state.name || 'image', made = [], todo = which.length ? which : [null], mine = number
    for (const at of todo) {
      const p = pictures[at ? rounds[at[0]].picture : state._at]
      say('busy', `Making ${name} ...`, { done: made.length, total: todo.length })
      const data = await file(at ? whole(filled(...at), p.w, p.h) : shown(p), 'image/' + kind), is = data[0] === 137 ? 'png' : kind      // Safari writes no WebP
      if (mine !== number) return
      made.push([`${at ? `${name}_set${at[0] + 1}_${String(at[1] + 1).padStart(2, '0')}` : name}.${is}`, data])
    }
    const [file_, data] = made.length > 1 ? [`${name}.zip`, zip(made)] : made[0]
    say('ready', `${file_} is ready.`)      // before it is: the copy has the last word
    send({ ...more, do: 'file', name: file_, last: true }, [data])
  },
  adapt() { throw new Error('Learning needs Python: picnet_complete --adapt 2m.') },
  hole() {},
  async start() { for (let r = 0; r < rounds.length; r++) await tell(r) },
}

onmessage = ({ data: { set: changes, msg, buffers = [] } }) => {
  if (changes) return Object.assign(state, changes)
  send({ do: 'heard' })
  if ('hole' in msg) pictures[msg.hole].hole = new Uint8Array(buffers.shift())
  const waits = ['complete', 'vary', 'between', 'use', 'extend', 'sample', 'upload', 'download'].includes(msg.do)
  if (waits && msg.do !== 'download') number++      // the newest wish wins
  const mine = number, at = state._at, run = () => Promise.resolve().then(() => does[msg.do](msg, buffers, mine, at)).catch(e => say('error', e.message))
  if (waits) queue = queue.then(run); else run()
}

// --- several files as one: stored, not packed

function zip(made) {
  const bytes = (...o) => new Uint8Array(o.flatMap(([v, n]) => Array.from({ length: n }, (_, i) => v >>> 8 * i & 255))), parts = [], list = []
  let at = 0
  for (const [name, data] of made) {
    const title = new TextEncoder().encode(name), about = [[20, 2], [2048, 2], [0, 2], [0, 2], [33, 2], [crc(data), 4], [data.length, 4], [data.length, 4], [title.length, 2], [0, 2]]
    list.push(bytes([0x02014b50, 4], [20, 2], ...about, [0, 2], [0, 2], [0, 2], [0, 4], [at, 4]), title)
    for (const o of [bytes([0x04034b50, 4], ...about), title, data]) { parts.push(o); at += o.length }
  }
  const size = list.reduce((n, o) => n + o.length, 0), all = [...parts, ...list, bytes([0x06054b50, 4], [0, 4], [made.length, 2], [made.length, 2], [size, 4], [at, 4], [0, 2])]
  const out = new Uint8Array(all.reduce((n, o) => n + o.length, 0))
  all.reduce((n, o) => { out.set(o, n); return n + o.length }, 0)
  return out
}

const loaded = load()
loaded.catch(e => { say('error', `The network can not be loaded: ${e.message.replace(/\.?$/, '.')} Load the page again.`); setTimeout(() => { throw e }) })      // before there is an editor, the page says so
