#!/usr/bin/env python3
"""Uses the page that needs no Python as a person does, in a real browser: python .ci/web.py [FOLDER] [--shots FOLDER]

FOLDER is what `picnet_export` or .ci/docs.py made (_site/try). It is served on the loopback interface, bytes are counted, and what the page
paints is compared with what Python paints of the same seed."""
import argparse, base64, contextlib, functools, http.server, io, json, os, sys, tempfile, threading, time, zipfile
from collections import Counter
from pathlib import Path
import numpy as np
from PIL import Image
from playwright.sync_api import TimeoutError
from browser import Person, browser, check, note, pixels, root, visit

class Handler(http.server.SimpleHTTPRequestHandler):
    sent, odd, bad = Counter(), False, ''      # file -> bytes; a slow server that says that .gz files are to be unpacked on the way; a file in whose place it has another one
    def log_message(self, *args): pass
    def translate_path(self, path): return super().translate_path('/README.md' if path == self.bad else path)
    def end_headers(self):
        if self.odd and self.path.endswith('.gz'): self.send_header('Content-Encoding', 'gzip')
        super().end_headers()
    def copyfile(self, source, outputfile):
        for data in iter(lambda: source.read(2**19), b''):
            Handler.sent[self.path] += len(data)
            outputfile.write(data)
            if self.odd: time.sleep(.1)

@contextlib.contextmanager
def served(folder):
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}/'
        server.shutdown()

@contextlib.contextmanager
def quick(page, what):
    "How long the tasks of the page's main thread take, in its own time (50 ms are felt); a note, as the machine is shared."
    page.context.browser.start_tracing(page=page, categories=['toplevel'])
    try: yield
    finally: events = json.loads(page.context.browser.stop_tracing())['traceEvents']
    main = {(e['pid'], e['tid']) for e in events if e['name'] == 'thread_name' and e['args']['name'] == 'CrRendererMain'}
    took = [e.get('tdur', 0)/1000 for e in events if e['name'] == 'ThreadControllerImpl::RunTask' and (e['pid'], e['tid']) in main]
    note(f'{what}: the longest of {len(took)} tasks on the main thread takes {max(took, default=0):.0f} ms')

def python_says(image, hole, seed, n, detail=False):
    "The same completions by the package: images, and the time for all of them."
    import torch
    from picnet_nb.complete import Completer
    from picnet_nb.export import noise
    torch.set_num_threads(1)
    completer = Completer.from_pretrained(device='cpu')
    for _ in range(2):
        start = time.perf_counter()
        w = completer.encode(image, hole, fill='model', detail=detail)
        w.roi = 0, 0, w.hole.shape[3], w.hole.shape[2]      # all of the window, as the page does
        made = list(completer.from_noise(w, noise(seed, n, w.prior.noise_shape)))
        took = time.perf_counter() - start
    return [np.asarray(o) for o in made], took

def test_first_visit(page, url):
    start = time.perf_counter()
    with quick(page, 'the first visit'): me, took = visit(page, url), time.perf_counter() - start
    page.evaluate('navigator.serviceWorker.ready.then(o => new Promise(done => { const f = () => o.active?.state === "activated" ? done() : setTimeout(f, 100); f() }))')
    for _ in range(100): # all is here when the worker has read it and the browser has kept it
        if any('paint.onnx' in o for o in page.evaluate('caches.keys().then(k => caches.open(k[0])).then(c => c.keys()).then(k => k.map(o => o.url))')): break
        time.sleep(.2)
    total = sum(Handler.sent.values())
    for k, n in Handler.sent.most_common(): note(f'{n/1e3:10,.1f} KB {k}')
    check(total <= 20e6, f'first visit: {total/1e6:.1f} MB, the editor after {took:.1f} s')
    return me

def test_work(me, page, tmp):
    me.sample('rose_1')
    me.set('Number', 8)
    me.w.get_by_label('Fixed seed').check()
    me.set('Seed', 5)
    me.size(60)
    with quick(page, 'drawing and completing'):
        me.stroke((.45, .45), (.55, .5), (.5, .58), steps=5)
        me.complete()
    first = []
    for _ in range(3): # warm
        me.js('''[0].map(() => { const n = e.sets.size, t = performance.now(); root.first = root.all = null; e.complete()
            const f = () => { if (e.sets.size > n && !root.first) root.first = performance.now() - t
                e.sets.size > n && [...e.sets.values()].at(-1).thumbs.length === 8 ? root.all = performance.now() - t : requestAnimationFrame(f) }; f() }).length''')
        me.until('root.all')
        first.append((me.js('root.first'), me.js('root.all')))
        me.complete(press=False)
    me.shot('page', whole=True)
    hole = pixels(me.download(lambda: me.do('mask-out'))[1])[..., 0] > 127
    name, data = me.download(lambda: me.do('all'))
    with zipfile.ZipFile(io.BytesIO(data)) as z: made = [pixels(z.read(o)) for o in sorted(z.namelist())]
    known = pixels((root/'picnet_nb/samples/rose_1.jpg').read_bytes())
    check(len(made) == 8 and all((o[~hole] == known[~hole]).all() for o in made), f'eight completions in {name}: known pixels are the original, bit for bit')
    apart = min(np.abs(a.astype(int) - b)[hole].mean() for i, a in enumerate(made) for b in made[:i])
    check(apart > 1, f'they differ, at least by {apart:.1f} of 255 on average')
    there, took = python_says(Image.fromarray(known), hole, 5, 8)
    far = [np.abs(a.astype(int) - b).max() for a, b in zip(made, there)]
    check(max(far) <= 2, f'the same seed in Python: at most {max(far)} of 255 apart')
    note(f'from the press to the first completion {min(o[0] for o in first):.0f} ms, to all eight {min(o[1] for o in first):.0f} ms; torch in Python {1000*took:.0f} ms, one thread (load {os.getloadavg()[0]:.1f})')

def test_going_on(me, page, tmp):
    sets = lambda: me.js('e.sets.size')
    me.choose(2)
    n = sets()
    me.do('like')
    me.until('e.sets.size > a[0]', n)
    me.complete(press=False)
    check('like 3 of set' in me.title() and me.js('e.shown[1]') == 2, f'Vary: {me.title()}')
    me.do('between')
    me.thumbs().nth(4).click()
    me.until('e.sets.size > a[0]', n + 1)
    me.complete(press=False)
    check(me.thumbs().count() == 9, f'In between: {me.title()}')
    me.do('use')
    me.until('e.get("pictures").length > a[0]', 1)
    me.until('e.at === e.get("_at") && !e.shown.length && s.bits.empty')
    me.do('undo')
    me.until('e.get("name") === "rose_1" && e.shown.length')
    check(True, 'Use as picture, and back')
    me.do('draw')
    W = me.js('s.W')
    me.do('extend-right')
    me.until('s.W > a[0] && !s.bits.empty', W)
    me.complete()
    check(me.thumbs().count() == 8, 'extended and filled')
    (tmp/'fake.png').write_text('not a picture')
    me.open(tmp/'fake.png')
    check('fake.png can not be opened' in me.text(), me.text())
    Image.open(root/'picnet_nb/samples/tulip_1.jpg').save(tmp/'mine.png')
    me.open(tmp/'mine.png')
    check(me.js('e.get("name")') == 'mine' and me.js('s.bits.empty'), 'a picture of one\'s own')
    me.do('complete')
    me.says('no hole yet')
    for name, where in (('drop', 'footer'), ('paste', 'body')):
        page.evaluate(bring, [name, where, base64.b64encode((root/'picnet_nb/samples/tulip_1.jpg').read_bytes()).decode()])
        me.until('e.get("name") === a[0] && e.at === e.get("_at")', name)
    check(True, 'a picture that is dropped beside the editor, and one that is pasted')

def test_at_once(me, page, tmp):
    "What comes in the midst of something else."
    for name, side in (('wide', (600, 300)), ('rose_1', (90, 60))): Image.open(root/'picnet_nb/samples/rose_1.jpg').resize(side).save(tmp/f'{name}.png')
    for name in ('wide', 'rose_1'): me.open(tmp/f'{name}.png'); me.until('e.get("name") === a[0] && e.at === e.get("_at")', name)
    check(me.js('e.names.selectedIndex') >= 0, 'a picture of one\'s own that has a sample\'s name is in the list')
    me.js('(e.ask("go", { k: e.at - 1 }), 1)')
    me.until('s.W === 600')
    me.stroke((.45, .45), (.55, .55), steps=4)
    n = me.js('e.sets.size')
    me.js('(e.complete(), e.ask("go", { k: 0 }), 1)')
    me.until('e.at === 0')
    page.wait_for_timeout(2000)
    check(me.js('e.sets.size') == n, 'who goes to another picture has no completion of this one there')
    me.js('(e.ask("go", { k: e.get("pictures").indexOf("wide") }), 1)')
    me.until('s.W === 600 && !s.bits.empty')
    me.set('Number', 32)
    me.js('(e.complete(), e.complete(), e.queue.then(() => e.kernel.ask("stop")), 1)')
    page.wait_for_timeout(2000)
    check(me.js('e.get("status").state !== "busy" && [...e.sets.values()].every(o => o.thumbs.length < 32)'), 'Stop ends what waits, too')
    me.js('(e.draw(), 1)')
    page.mouse.move(*me.at(.2, .2)); page.mouse.down(); page.mouse.move(*me.at(.3, .3)); page.keyboard.press('i'); page.mouse.move(*me.at(.35, .2)); page.mouse.up()
    was = me.covered()
    page.keyboard.press('Control+z')
    check(me.covered() < was < .5, 'a key does not cut a stroke')
    page.emulate_media(color_scheme='dark')
    me.until('root.dataset.theme === "dark"')
    page.emulate_media(color_scheme='light')
    me.until('root.dataset.theme === "light"')
    check(True, 'dark when the system is')

def test_hands(me, page, tmp):
    "Hands that do two things at once, or what nobody thought of."
    m, stage = page.mouse, me.w.locator('.pn-stage')
    def hand(kind, by, number, *at, first=True): # which Playwright does not know
        x, y = me.at(*at)
        stage.evaluate("(e, [kind, o]) => e.dispatchEvent(new PointerEvent(kind, { button: 0, bubbles: true, cancelable: true, ...o }))",
            [kind, dict(pointerType=by, pointerId=number, clientX=x, clientY=y, buttons=1, isPrimary=first)])
    me.sample('daisy_1')
    me.do('brush')
    me.size(40)
    me.set('Number', 2)
    m.move(*me.at(.5, .5)); m.down(button='middle'); m.move(*me.at(.6, .5)); m.up(button='middle')
    me.stroke((.2, .2), (.4, .2), steps=3)
    check(all(me.ink((.3, .2))), 'the brush paints after a drag with the middle button')
    hand('pointerdown', 'touch', 3, .6, .8)
    hand('pointerdown', 'pen', 7, .1, .3)
    hand('pointermove', 'pen', 7, .3, .3)
    page.wait_for_timeout(1600)
    hand('pointerdown', 'touch', 4, .7, .8)
    hand('pointerdown', 'touch', 5, .7, .9, first=False)
    hand('pointercancel', 'touch', 3, .6, .8)
    hand('pointermove', 'pen', 7, .5, .3)
    hand('pointerup', 'pen', 7, .5, .3)
    check(me.ink((.2, .3), (.4, .3), (.6, .8), (.7, .85)) == [True, True, False, False], 'a pen draws, however the hand rests')
    for n in (3, 4, 5): hand('pointerup', 'touch', n, .7, .8)
    me.do('clear')
    me.stroke((.4, .4), (.5, .5), steps=3)
    for tool, y in (('rect', .1), ('brush', .8)):
        me.do(tool)
        m.move(*me.at(.1, y)); m.down(); m.move(*me.at(.3, y + .1), steps=3)
        n = me.js('(e.ask("complete", e.settings), e.sets.size)')
        me.until('e.sets.size > a[0] && e.shown.length', n)
        m.move(*me.at(.35, y + .1))
        over = me.js('s.outline.getAttribute("points")')
        m.up()
        me.complete(press=False)
        me.do('draw')
        check(me.ink((.2, y + .05)) == [tool == 'brush'] and not over, f'a completion comes while one draws: {tool}')
    for _ in range(3): me.do('undo'); me.until('!e.going')
    check(not any(me.ink((.2, .85))) and all(me.ink((.45, .45))), 'which can be undone')
    me.js('(e.draw(), 1)')
    name, data = me.download(lambda: me.do('all'))
    check(name == 'daisy_1.zip' and len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 2, f'all of the newest set, while one draws: {name}')
    me.w.locator('.pn-help').click()
    was = me.covered()
    page.keyboard.press('i')
    check(me.covered() == was and me.js('e.sheet.open'), 'no key acts behind the sheet of shortcuts')
    page.keyboard.press('Escape')
    check(not me.js('e.sheet.open'), 'which Escape closes')
    got = []
    page.on('download', lambda d: got.append(d))
    page.evaluate("""import('./editor.js').then(({ default: o }) => { const el = document.createElement('div'), { model } = document.querySelector('.picnet').editor
        document.querySelector('main').append(el); const end = o.render({ model, el }); window.shut = () => { end(); el.remove(); picnetLeft.clear() } })""")
    page.wait_for_function("document.querySelectorAll('.picnet').length === 2")
    me.choose(0)
    me.download(lambda: me.do('png'))
    page.wait_for_timeout(700)
    check(len(got) == 1, 'two views of one widget: a file comes once')
    page.evaluate('shut()')
    n = me.js('e.get("pictures").length')
    me.w.locator('[data-do=use]').dblclick()
    me.until('e.get("pictures").length > a[0] && e.at === e.get("_at")', n)
    page.wait_for_timeout(700)
    check(me.js('e.get("pictures").length') == n + 1, 'a double click uses a completion once')
    Image.new('RGB', (90, 60), 'red').save(tmp/'tulip_3.png')
    me.open(tmp/'tulip_3.png')
    me.until('s.W === 90')
    names = me.w.locator('.pn-bar select')
    names.select_option(names.locator('[label=Bundled] option', has_text='tulip 3').get_attribute('value'))
    me.until('s.W > 90')
    check(names.locator('[label=Yours] option', has_text='tulip 3').count() == 1, 'a picture of one\'s own does not hide the sample whose name it has')
    pasted = page.evaluate("""() => { const data = new DataTransfer(), to = document.querySelector('[aria-label=Seed]')
        data.setData('text/plain', '42'); data.items.add(new File(['-'], 'image.png', { type: 'image/png' }))
        return to.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })) }""")
    check(pasted and 'image' not in me.text(), 'text that is pasted into a field stays text')
    page.evaluate("""() => { const data = new DataTransfer(); data.items.add(new File(['-'], 'a.pdf', { type: 'application/pdf' }))
        document.querySelector('.pn-stage').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })) }""")
    me.says('a.pdf can not be opened')
    me.set('Number', 32)
    me.stroke((.4, .4), (.5, .5), steps=3)
    me.do('complete')
    me.w.locator('[data-do=stop]').press('Enter')
    me.w.locator('[data-do=stop]').wait_for(state='hidden')
    check(page.evaluate('document.activeElement.dataset.do') == 'complete', 'after Stop the focus is at Complete')
    me.set('Number', 2)

def test_detail(me, page, tmp):
    "A window that the model sees at a quarter of its size: its hole gets fine detail, as much as is around it, and the same as in Python."
    import matplotlib.cbook
    photo = Image.open(matplotlib.cbook.get_sample_data('grace_hopper.jpg', asfileobj=False)).convert('RGB')
    hole, (l, t, r, b) = np.zeros(photo.size[::-1], bool), (256, 344, 512, 600)
    hole[344:, 256:], known = True, np.asarray(photo)
    photo.save(tmp/'large.png')
    Image.fromarray(hole).save(tmp/'hole.png')
    me.open(tmp/'large.png')
    me.until('e.get("name") === "large" && e.at === e.get("_at") && s.W === 512')
    me.open(tmp/'hole.png', 1)
    me.until('!s.bits.empty')
    me.set('Number', 2)
    me.set('Seed', 5)
    me.complete()
    def look(at): # milliseconds, and the file that the editor gets
        return me.js('''new Promise(done => { const start = performance.now(), { receive } = e
            e.receive = (msg, buffers) => { receive.call(e, msg, buffers); if (msg.key === 'timed') { e.receive = receive; done([performance.now() - start, [...new Uint8Array(buffers[0].buffer ?? buffers[0])]]) } }
            e.look('timed', a[1], 512, a[0]) })''', at, [l, t, r, b])
    me.choose(0)
    (took, shown), (again, _) = (look([me.js('e.shown[0]'), 1]) for _ in range(2))
    me.choose(1)
    made = pixels(me.download(lambda: me.do('png'))[1])
    (plain, sharp), _ = zip(*(python_says(photo, hole, 5, 2, o) for o in (False, True)))
    check((made[~hole] == known[~hole]).all(), 'with detail: known pixels are the original, bit for bit')
    far, gain = (np.abs(made.astype(int) - o[1])[hole] for o in (sharp, plain))
    check(far.mean() < .05*gain.mean(), f'the same seed in Python: {far.mean():.3f} of 255 apart on average, {far.max()} at most; detail changes {gain.mean():.1f}')
    def fine(a, where): # energy of what is finer than the model's pixels
        low = Image.fromarray(a).resize((128, 150), Image.Resampling.BOX).resize(photo.size, Image.Resampling.BICUBIC)
        return np.square(a[where].astype(float) - np.asarray(low)[where]).mean()**.5
    around = np.zeros_like(hole)
    around[300:, 200:] = True
    true, without, with_ = fine(known, around & ~hole), fine(plain[1], hole), fine(made, hole)
    check(abs(with_ - true) < .5*abs(without - true), f'fine energy in the hole: {without:.2f}, with detail {with_:.2f}; around it {true:.2f}')
    check((pixels(bytes(shown)) == made[t:b, l:r]).all(), 'what is shown is what is saved')
    me.do('use')
    me.until('e.at === e.get("_at") && e.get("name").startsWith("large-") && !e.shown.length && !e.kernel.open.length')
    check(look([])[1] == shown, 'and what is used as a picture')
    note(f'a completion with detail in a window of 512: opened {took:.0f} ms, again {again:.0f} ms')

def test_brought_back(me, page, tmp):
    "The picture and the hole that were on the stage; another worker is the kernel that was restarted."
    def again(what, size=None):
        was = size or me.js('[s.W, s.H]'), me.covered()
        page.evaluate("""import('./editor.js').then(({ default: made }) => { const old = document.querySelector('.picnet').editor, el = document.querySelector('main')
            old.kernel.gone = true; old.model.worker.terminate(); old.close(); el.replaceChildren()
            const model = new old.model.constructor(new Worker('worker.js', { type: 'module' }))
            model.id = Math.random()
            return model.ready.then(() => { made.render({ model, el }) }) })""")
        me.__init__(page, me.shots)
        me.until('s.W && !e.kernel.open.length')
        me.do('restore')
        me.until('!s.bits.empty && !picnetLeft.size')
        now = me.js('[s.W, s.H]'), me.covered()
        check(now[0] == was[0] and abs(now[1] - was[1]) < .01, f'brought back: {what} {now}')
    Image.open(root/'picnet_nb/samples/tulip_1.jpg').resize((300, 200)).save(tmp/'mine.png')
    me.open(tmp/'mine.png')
    me.open(tmp/'fake.png')
    me.size(40)
    me.stroke((.3, .3), (.5, .5), steps=3)
    again('one\'s own picture, after a file that could not be opened')
    check(page.evaluate('document.activeElement.dataset.do') == 'complete', 'and the focus is at Complete')
    me.set('Number', 1)
    me.complete()
    me.do('use')
    me.until('e.get("name") === "mine-3" && e.at === e.get("_at") && !e.shown.length')
    me.stroke((.7, .3), (.8, .5), steps=3)
    again('a completion that was used')
    me.do('extend-left')
    me.until('s.W === 375 && !s.bits.empty')
    again('one that was extended')
    Image.new('RGB', (2400, 1600), 'green').save(tmp/'wide.png')
    me.open(tmp/'wide.png')
    me.do('extend-left')
    me.until('s.W === 3000 && !s.bits.empty')
    again('of a large one what the screen had', [1600, 853])
    check('1600x853 pixels of 3000x1600' in me.w.locator('.pn-note').inner_text(), 'which is said')

bring = '''([name, where, file]) => { const data = new DataTransfer(), how = { bubbles: true, cancelable: true }
    data.items.add(new File([Uint8Array.from(atob(file), o => o.charCodeAt(0))], name + '.jpg', { type: 'image/jpeg' }))
    document.querySelector(where).dispatchEvent(name === 'drop' ? new DragEvent(name, { ...how, dataTransfer: data }) : new ClipboardEvent(name, { ...how, clipboardData: data })) }'''

def test_slow(url):
    "While the network comes one can draw, and what is asked for is done when it is here."
    Handler.odd = True
    try:
        with browser() as page:
            me = visit(page, url)
            me.says('Loading the network')
            me.set('Number', 2)
            me.stroke((.4, .4), (.6, .6), steps=4)
            me.do('complete')
            check('MB' in me.text() and not me.js('e.sets.size'), f'asked for too early: {me.text()}')
            me.until('e.sets.size === 1')
            me.complete(press=False)
    finally: Handler.odd = False

def test_bad_answer(url):
    "A server that once has something else in the place of the network."
    with browser() as page:
        Handler.bad = '/paint.onnx'
        me = visit(page, url)
        me.says('can not be loaded')
        Handler.bad = ''
        page.reload()
        me = Person(page)
        me.set('Number', 1)
        me.stroke((.4, .4), (.6, .6), steps=4)
        me.complete()
        check(True, 'once it is well again, so is the page')

def test_menus(url, shots):
    "All of a menu can be reached, whatever the screen."
    for w, h, touch in ((768, 1024, True), (740, 800, False), (900, 700, False), (844, 390, True), (320, 600, True)):
        with browser(viewport=dict(width=w, height=h), has_touch=touch, is_mobile=touch) as page:
            me = visit(page, url, shots)
            me.stroke((.4, .4), (.6, .6))
            me.js('(e.setShown([0, 0]), 1)')
            for name in ('more', 'extend', 'download'):
                button = me.w.locator(f'[data-do={name}]').first
                button.scroll_into_view_if_needed()
                button.click()
                cut = button.evaluate("""e => { const [r, ...around] = [e.nextSibling, e.closest('.picnet'), document.querySelector('main')].map(o => o.getBoundingClientRect())
                    return Math.max(...[...around, new DOMRect(0, 0, innerWidth, innerHeight)].flatMap(o => [o.left - r.left, o.top - r.top, r.right - o.right, r.bottom - o.bottom])) }""")
                me.shot(f'menu_{name}_{w}x{h}', whole=True)
                last = button.locator('xpath=following-sibling::div').locator('button, input').last
                last.focus()
                seen = last.evaluate("e => { const r = e.getBoundingClientRect(); return e.contains(document.elementFromPoint(r.x + r.width/2, r.y + r.height/2)) }")
                check(cut < 1 and seen, f'{w}x{h}: nothing of the menu {name} is cut off ({cut:.0f}) {seen}')
                page.keyboard.press('Escape')

def test_safari(url, shots):
    "What Safari does in its own way, imposed on this browser: keys after a button, two fingers on a trackpad, what is fixed inside a container."
    with browser(viewport=dict(width=700, height=700)) as page:
        page.add_init_script("""addEventListener('mousedown', e => { if (!e.target.closest('button')) return       // which it gives no focus
            e.preventDefault(); const o = e.target.closest('button').parentNode.closest('[tabindex]'); o ? o.focus() : document.activeElement.blur() }, true)""")
        me = visit(page, url, shots)
        page.evaluate("for (const o of ['.pn-outer', 'body']) { const e = document.querySelector(o); if (getComputedStyle(e).containerType !== 'normal') e.style.contain = 'layout' }")      # as before 18.4
        me.stroke((.4, .4), (.6, .6))
        me.do('erase')
        page.keyboard.press('b')
        check(me.js('s.tool') == 'brush', 'a key is heard after a button was pressed')
        page.keyboard.press('Control+z')
        check(me.covered() == 0, 'and takes a stroke back')
        lists = me.w.locator('.pn-menu:visible')
        button = lambda name: me.w.locator(f'.pn-holder:has([data-do={name}]) > button')
        was = []
        for name in ('invert', 'extend-left', 'extend-left', 'invert'):
            button(name).click()
            was.append(lists.count())
        me.do('fit')
        check([*was, lists.count()] == [1, 1, 0, 1, 0], f'menus open and close by their button, and by another one {was} {lists.count()}')
        me.w.locator('.pn-stage').evaluate("""e => { const r = e.getBoundingClientRect(), at = { clientX: r.x + r.width/4, clientY: r.y + r.height/4 }
            for (const [kind, scale] of [['gesturestart', 1], ['gesturechange', 1.5], ['gesturechange', 2]]) e.dispatchEvent(Object.assign(new Event(kind, { cancelable: true }), at, { scale })) }""")
        check(abs(me.js('s.s/s.least') - 2) < .01, f'two fingers on a trackpad zoom {me.js("s.s/s.least"):.2f} times')
        main, run, last = page.locator('main'), me.w.locator('.pn-run'), me.w.locator('.pn-advanced summary')
        for where in (0, 10**4):
            main.evaluate('(e, y) => { e.scrollTop = y }', where)
            b = run.bounding_box()
            check(abs(b['y'] + b['height'] - 700) < 1, f'the button stays below, scrolled by {where} ({b["y"]:.0f})')
        me.shot('page_contained', whole=True)
        check(last.bounding_box()['y'] + last.bounding_box()['height'] <= run.bounding_box()['y'], 'and all that scrolls can be seen above it')

def test_elsewhere(folder):
    with browser() as page:
        page.goto((folder/'index.html').resolve().as_uri())
        check('http://localhost:8000' in page.inner_text('main'), f'opened as a file: {page.inner_text("main")}')
    with browser(java_script_enabled=False) as page:
        page.goto((folder/'index.html').resolve().as_uri())
        check('JavaScript' in page.inner_text('main'), f'without JavaScript: {page.inner_text("main")}')

def test_offline(page, url):
    Handler.sent.clear()
    page.once('dialog', lambda d: d.accept())
    page.reload()
    me = Person(page)
    me.until('s.W && !e.kernel.open.length')
    check(not sum(Handler.sent.values()) - Handler.sent['/sw.js'], f'second visit: {sum(Handler.sent.values())} bytes {dict(Handler.sent)}')
    page.once('dialog', lambda d: d.accept())
    page.context.set_offline(True)
    page.reload()
    me = Person(page)
    me.until('s.W && !e.kernel.open.length')
    me.stroke((.4, .4), (.6, .6), steps=4)
    me.set('Number', 2)
    me.complete()
    check(me.thumbs().count() == 2, 'without a network: two completions')
    page.context.set_offline(False)

def test_phone(url, shots):
    "Remove a thing, choose and vary, extend and save: with a finger."
    with browser(viewport=dict(width=390, height=844), device_scale_factor=2, has_touch=True, is_mobile=True) as page:
        me = visit(page, url, shots)
        me.do('complete')
        me.says('no hole yet')
        check(me.w.locator('.pn-status').bounding_box()['y'] < 844 - 60, 'what there is to say stands above the button')
        me.set('Number', 4)
        me.touch((.42, .42), (.5, .46), (.56, .52), (.48, .58))
        check(me.covered() > .005, f'a finger paints {100*me.covered():.1f} %')
        page.wait_for_timeout(500)
        for _ in range(5): # a busy Chromium makes no click of some taps
            page.get_by_role('button', name='Complete', exact=True).tap()
            with contextlib.suppress(TimeoutError): me.until('e.sets.size === 1', timeout=10_000); break
        me.complete(press=False)
        me.shot('page_phone', whole=True)
        small = [b['width'] for b in (o.bounding_box() for o in me.w.locator('.pn-tools button:visible').all()) if b['width'] < 43.5]
        check(not small, f'buttons of 44 px {small}')
        me.thumbs().nth(2).tap()
        me.until('e.shown[1] === 2')
        me.w.locator('[data-do=like]').tap()
        me.until('e.sets.size === 2')
        me.complete(press=False)
        me.do('extend-all')
        me.until('!s.bits.empty && e.at === 1')
        me.complete()
        with page.expect_download() as d: me.do('png')
        check(Image.open(d.value.path()).size == (330, 240), 'three tasks with a finger: removed, varied, extended and saved')

def main(folder, shots):
    with served(folder) as url, tempfile.TemporaryDirectory() as tmp:
        with browser(viewport=dict(width=1300, height=1000)) as page:
            me = test_first_visit(page, url)
            me.shots = shots
            test_work(me, page, Path(tmp))
            test_going_on(me, page, Path(tmp))
            test_at_once(me, page, Path(tmp))
            test_hands(me, page, Path(tmp))
            test_detail(me, page, Path(tmp))
            test_brought_back(me, page, Path(tmp))
            test_offline(page, url)
            away = [u for u in page.asked if not u.startswith((url, 'blob:', 'data:'))]
            check(not away, f'nothing is asked of another machine {away[:3]}')
            check(not page.errors, f'no errors on the page {page.errors[:3]}')
        test_phone(url, shots)
        test_menus(url, shots)
        test_safari(url, shots)
        test_slow(url)
        test_bad_answer(url)
        test_elsewhere(folder)
        with browser() as page:
            page.add_init_script('WebAssembly.validate = () => false')
            page.goto(url)
            page.get_by_text('no WebAssembly SIMD').wait_for()
            check(True, 'a browser without SIMD is told so')
        with browser() as page:
            page.add_init_script('const read = CanvasRenderingContext2D.prototype.getImageData; CanvasRenderingContext2D.prototype.getImageData = function(...a) { const o = read.apply(this, a); o.data[0] ^= 99; return o }')
            page.goto(url)
            page.get_by_text('resistFingerprinting').wait_for()
            check(True, 'and one that lets no page read a canvas')

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('folder', nargs='?', type=Path, default=root/'_site'/'try', help='the page (_site/try)')
    p.add_argument('--shots', type=Path, help='folder for screenshots')
    a = p.parse_args()
    if not (a.folder/'index.html').is_file(): sys.exit(f'there is no page in {a.folder}: python .ci/docs.py makes it')
    if a.shots: a.shots.mkdir(parents=True, exist_ok=True)
    main(a.folder, a.shots)
