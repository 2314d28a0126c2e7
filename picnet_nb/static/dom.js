// Elements, icons and the few helpers that all other modules share.

const paths = {
  brush: 'M20 4 10.5 13.5M9 12.2c-2.9 0-3.9 1.9-3.9 3.7 0 1.6-.9 2.6-2 3.1 3.9 1.1 8.6.4 8.6-3.4 0-1.9-1-3.4-2.7-3.4z',
  erase: 'M4.6 15.4 13.5 6.5a2 2 0 0 1 2.8 0l3.2 3.2a2 2 0 0 1 0 2.8L12 20H8.2L4.6 16.8a1 1 0 0 1 0-1.4zM9.4 10.6l6 6M12 20h8',
  rect: 'M4 6.5h16v11H4z',
  lasso: 'M12 5c4.7 0 8.5 2.4 8.5 5.5S16.7 16 12 16s-8.5-2.4-8.5-5.5S7.3 5 12 5zM7.5 15.5c-1.5 1-1.5 3 .5 3s2-2 0-3.5',
  wand: 'M4 20 14 10M15.5 3.5v4M13.5 5.5h4M19.5 9v4M17.5 11h4M9 4v3M7.5 5.5h3',
  undo: 'M8 5 4 9l4 4M4 9h10.5a5 5 0 0 1 0 10H10',
  redo: 'm16 5 4 4-4 4M20 9H9.5a5 5 0 0 0 0 10H14',
  upload: 'M12 16V5M8 9l4-4 4 4M5 15v4h14v-4',
  download: 'M12 4v11M8 11l4 4 4-4M5 16v4h14v-4',
  back: 'm14 6-6 6 6 6', next: 'm10 6 6 6-6 6',
  keep: 'M7 4h10v16l-5-4-5 4z',
  like: 'M12 3.5l1.9 5.1 5.1 1.9-5.1 1.9L12 17.5l-1.9-5.1L5 10.5l5.1-1.9zM18.5 16v5M16 18.5h5',
  between: 'M3.5 7h5v10h-5zM15.5 7h5v10h-5zM10 12h4',
  use: 'M5 12.5l5 5L19 7',
  stop: 'M7 7h10v10H7z',
  more: 'M6 12h.01M12 12h.01M18 12h.01',
  extend: 'M8 8h8v8H8zM12 6V3M12 21v-3M6 12H3M21 12h-3',
  out: 'M6 12h12', in: 'M6 12h12M12 6v12',
  fit: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  full: 'M14 10l6-6M15 4h5v5M10 14l-6 6M9 20H4v-5',
  split: 'M12 3v18M8.5 8.5 5 12l3.5 3.5M15.5 8.5 19 12l-3.5 3.5',
  complete: 'M10 4l1.7 4.3L16 10l-4.3 1.7L10 16l-1.7-4.3L4 10l4.3-1.7zM17.5 14l1 2.5 2.5 1-2.5 1-1 2.5-1-2.5-2.5-1 2.5-1z',
}

export function h(tag, attrs, ...kids) { // an element; functions are listeners
  const e = document.createElement(tag)
  for (const [k, v] of Object.entries(attrs || {})) {
    if (typeof v === 'function') e.addEventListener(k.slice(2), v)
    else if (v === true) e.setAttribute(k, '')
    else if (v !== false && v != null) e.setAttribute(k, v)
  }
  e.append(...kids.flat().filter(o => o != null))
  return e
}

export function svg(tag, attrs, ...kids) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag)
  for (const [k, v] of Object.entries(attrs)) e.setAttribute(k, v)
  e.append(...kids)
  return e
}

export const icon = name => svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' }, svg('path', { d: paths[name] }))

const able = act => e => e.currentTarget.getAttribute('aria-disabled') === 'true' || act(e)      // see `dim`

export const iconButton = (name, label, act, { sign = name, ...more } = {}) =>
  h('button', { type: 'button', class: 'pn-icon', 'aria-label': label, title: label, 'data-do': name, onclick: able(act), ...more }, icon(sign))

export const wordButton = (name, label, act, { sign = name, ...more } = {}) =>
  h('button', { type: 'button', class: 'pn-word', 'data-do': name, onclick: able(act), ...more }, icon(sign), h('span', {}, label))

function seenThrough(e) { // left, top, right, bottom: what all that an element is in shows of the window
  let [l, t, r, b] = [0, 0, innerWidth, innerHeight]
  for (; e && e !== document.body; e = e.matches?.(':fullscreen') ? null : e.parentNode || e.host) {
    if (!(e instanceof Element) || getComputedStyle(e).overflow === 'visible') continue
    const o = e.getBoundingClientRect()
    l = Math.max(l, o.left); t = Math.max(t, o.top); r = Math.min(r, o.right); b = Math.min(b, o.bottom)
  }
  return [l, t, r, b]
}

export function menu(name, label, items, title = label) { // a button, and a list of [name, label, act] or elements below it
  const shut = (refocus = true) => { list.hidden = true; button.setAttribute('aria-expanded', 'false'); if (refocus) button.focus() }
  const button = wordButton(name, label, () => {
    list.hidden = !list.hidden
    button.setAttribute('aria-expanded', String(!list.hidden))
    if (list.hidden) return
    place()
    list.querySelector('button, input').focus()
  }, { 'aria-haspopup': 'true', 'aria-expanded': 'false', title })
  const place = () => { // below the button, or above it where there is more room
    list.style.maxHeight = ''
    const [l, t, r, b] = seenThrough(button), at = button.getBoundingClientRect(), wide = list.offsetWidth, high = list.offsetHeight, [below, above] = [b - at.bottom - 8, at.top - t - 8], up = high > below && above > below
    list.classList.toggle('pn-up', up)
    Object.assign(list.style, { maxHeight: Math.max(up ? above : below, 80) + 'px', left: Math.max(Math.min(at.left, r - wide - 4), l + 4) - at.left + 'px' })
  }
  const list = h('div', { class: 'pn-menu', role: 'group', 'aria-label': label, hidden: true }, items.map(o => o instanceof Node ? o :
    h('button', { type: 'button', 'data-do': o[0], onclick: () => { shut(); o[2]() } }, o[1])))
  return h('div', { class: 'pn-holder', tabindex: -1, onkeydown: e => {
    const all = [...list.querySelectorAll('button, input')], at = all.indexOf(e.target), by = { ArrowDown: 1, ArrowUp: -1 }[e.key]
    if (list.hidden || e.key !== 'Escape' && !(by && at >= 0)) return
    if (by) all[(at + by + all.length) % all.length].focus()
    else shut()
    e.stopPropagation()
    e.preventDefault()
  }, onfocusout: e => { if (e.relatedTarget && !e.currentTarget.contains(e.relatedTarget)) shut(false) } }, button, list)
}

export const dim = (button, is) => button.setAttribute('aria-disabled', String(is))    // not `disabled`, which would drop the focus

export const clamp = (x, low, high) => Math.min(Math.max(x, low), high)

export const same = (a, b) => { // two buffers, or none
  if (!a || !b || a.byteLength !== b.byteLength) return false
  const [x, y] = [a, b].map(o => new Uint8Array(o.buffer, o.byteOffset, o.byteLength))
  return x.every((o, i) => o === y[i])
}

export function isDark(e) { // is the page behind an element? Whatever the host calls its themes, and however it writes its colors
  const ctx = h('canvas', { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true })
  for (; e; e = e.parentNode || e.host) {
    if (!(e instanceof Element) || !e.isConnected) continue
    const color = getComputedStyle(e).backgroundColor
    if (color === 'rgba(0, 0, 0, 0)') continue       // reading a canvas takes long
    ctx.clearRect(0, 0, 1, 1)
    ctx.fillStyle = color
    ctx.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = ctx.getImageData(0, 0, 1, 1).data
    if (a > 128) return r * .3 + g * .59 + b * .11 < 128
  }
  return matchMedia('(prefers-color-scheme: dark)').matches
}

export class Cache { // addresses of pictures; those not used for long are released
  constructor(most) { this.most = most; this.urls = new Map() }
  get(key) { const o = this.urls.get(key); if (o) { this.urls.delete(key); this.urls.set(key, o) } return o }
  set(key, bytes) {
    this.drop(key)
    this.urls.set(key, URL.createObjectURL(new Blob([bytes], { type: 'image/*' })))
    for (const k of this.urls.keys()) { if (this.urls.size <= this.most) break; this.drop(k) }
    return this.urls.get(key)
  }
  drop(key) { URL.revokeObjectURL(this.urls.get(key)); this.urls.delete(key) }
  clear() { [...this.urls.keys()].forEach(k => this.drop(k)) }
}
