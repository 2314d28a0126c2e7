// Completions in a row, by set: one tab stop, arrows choose, a look while the mouse is over one.

import { h } from './dom.js'

export class Strip {
  constructor(label, { choose, peek, keep, more = '' }) {
    this.nodes = new Map()
    this.node = h('div', { class: 'pn-strip ' + more, role: 'listbox', 'aria-label': label, 'aria-orientation': 'horizontal', hidden: true,
      onclick: e => this.at(e, choose),
      onpointerover: e => e.pointerType === 'mouse' && (this.at(e, peek) || peek(null)),
      onpointerleave: () => peek(null),
      onkeydown: e => {
        const all = [...this.nodes.keys()], i = all.indexOf(this.current ?? all[0])
        const to = { ArrowLeft: i - 1, ArrowUp: i - 1, ArrowRight: i + 1, ArrowDown: i + 1, Home: 0, End: all.length - 1 }[e.key]
        if (e.key === 'Delete') this.at(e, keep)
        else if (e.key === 'Enter' || e.key === ' ') this.at(e, choose)
        else if (to == null || e.ctrlKey || e.metaKey) return
        else if (all[to] != null) { choose(all[to]); this.nodes.get(all[to])?.focus() }
        e.preventDefault()
        if (e.key !== ' ') e.stopPropagation()
      } })
  }

  at(e, f) { const o = e.target.closest('[role=option]'); if (o) f(o.dataset.key); return !!o }

  show(sets, shown, kept) { // sets: [{ name, items: [[key, url, caption, label]] }]; what is there already stays where it is
    const keys = new Set(sets.flatMap(s => s.items.map(o => o[0]))), moved = this.current !== shown
    for (const [key, o] of this.nodes) if (!keys.has(key)) { const group = o.parentNode; o.remove(); this.nodes.delete(key); if (!group.querySelector('[role=option]')) group.remove() }
    for (const { name, items } of sets) for (const [key, url, caption, label] of items) {
      const known = this.nodes.get(key)
      if (known) { if (known.firstChild.src !== url) known.firstChild.src = url; continue }
      let group = [...this.node.children].find(o => o.dataset.set === name)
      if (!group) this.node.append(group = h('div', { role: 'group', class: 'pn-set', 'aria-label': name, 'data-set': name }, h('span', { class: 'pn-name', role: 'presentation', title: name }, name)))
      const o = h('div', { role: 'option', class: 'pn-thumb', 'data-key': key, 'data-label': label, tabindex: -1 }, h('img', { src: url, alt: '', draggable: 'false' }), h('span', { class: 'pn-cap', 'aria-hidden': 'true' }, caption))
      group.append(o)
      this.nodes.set(key, o)
    }
    this.node.hidden = !keys.size
    this.current = shown
    const stop = keys.has(shown) ? shown : [...this.nodes.keys()][0]
    for (const [key, o] of this.nodes) {
      const is = kept.has(key)
      o.setAttribute('aria-selected', String(key === shown))
      o.setAttribute('aria-label', o.dataset.label + (is ? ', kept' : ''))
      o.classList.toggle('pn-kept', is)
      o.tabIndex = key === stop ? 0 : -1
    }
    if (moved && keys.has(shown)) this.reveal(this.nodes.get(shown))
  }

  reveal(o) { // in the row; never by scrolling the page
    const { offsetLeft: l, offsetWidth: w } = o, row = this.node
    if (l < row.scrollLeft || l + w > row.scrollLeft + row.clientWidth) row.scrollLeft = l - row.clientWidth / 3
  }
}
