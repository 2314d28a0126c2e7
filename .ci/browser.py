#!/usr/bin/env python3
"""Uses the widget as a person does, in a real browser: python .ci/browser.py [--shots FOLDER] [--picture FILE]

Starts JupyterLab with a token on the loopback interface, opens nbs/15_widget.ipynb in it, and draws, completes, picks and downloads with
mouse, finger and keys. Everything it starts it ends, and nothing else. Needs the [dev] packages and chromium; on Debian it installs the latter.
  --shots FOLDER   screenshots are written there
  --picture FILE   don't test; make the picture of the widget at work that the notebook and the README show (.png)
"""
import argparse, base64, contextlib, io, json, os, re, secrets, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request, zipfile
from pathlib import Path
import numpy as np
from PIL import Image

root = Path(__file__).resolve().parent.parent
gui = [sys.executable, '-c', 'import sys; from picnet_nb.complete import main; sys.exit(main(["--gui", *sys.argv[1:]]))']
patience = 60_000       # ms for what should take a second; the machine may be busy with other things
shown = []
axe = ''        # the text of axe-core's file, if it is here
model = 'Model: empty for the bundled weights, or a folder, a file or a hub name'     # the label of its entry

def note(*a): print('-', *a, flush=True)
def check(ok, what):
    if not ok: raise AssertionError(what)
    print('ok', what, flush=True)

# --- what we start

def slow_weights(file):
    "A network that has learned nothing and needs seconds for many samples: time to press a second button, however fast the machine is."
    import torch
    from picnet_nb.model import PICNet, PICNetConfig, save_weights
    torch.manual_seed(0)
    save_weights(PICNet(PICNetConfig(image_size=512)), file)

def chromium():
    "The browser's file; Debian's is installed if there is none."
    for name in ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'):
        if shutil.which(name): return shutil.which(name)
    if not shutil.which('apt-get'): sys.exit('there is no chromium on this machine, and no apt-get to install it with')
    sudo = [] if os.geteuid() == 0 else ['sudo', '-n']
    if sudo and not shutil.which('sudo'): sys.exit('there is no chromium on this machine, and only root can install it: apt-get install chromium')
    for command in (['apt-get', 'update', '-q'], ['apt-get', 'install', '-qy', 'chromium']):
        done = subprocess.run([*sudo, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode or not shutil.which('chromium'): sys.exit(f'chromium is not here and can not be installed:\n{done.stdout[-2000:]}')
    return shutil.which('chromium')

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

@contextlib.contextmanager
def lab(home, command, env=()):
    "JupyterLab with a home of its own, for as long as the block lasts; gives (port, token)."
    port, token, config = free_port(), secrets.token_hex(16), home/'config'
    config.mkdir(parents=True, exist_ok=True)
    (config/'jupyter_server_config.py').write_text(f'''
c.ServerApp.ip = '127.0.0.1'
c.ServerApp.port = {port}
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
c.IdentityProvider.token = '{token}'
c.LabApp.check_for_updates_class = 'jupyterlab.NeverCheckForUpdate'
c.LabApp.news_url = None
c.LabApp.expose_app_in_browser = True
c.JupyterNotebookApp.expose_app_in_browser = True
''')
    settings = home/'settings'/'@jupyterlab'/'apputils-extension'/'notification.jupyterlab-settings'
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('{"fetchNews": "false"}')
    env = {**os.environ, 'HOME': str(home), 'JUPYTER_CONFIG_DIR': str(config), 'JUPYTER_DATA_DIR': str(home/'data'), 'JUPYTER_RUNTIME_DIR': str(home/'runtime'),
           'IPYTHONDIR': str(home/'ipython'), 'JUPYTERLAB_SETTINGS_DIR': str(home/'settings'), 'JUPYTERLAB_WORKSPACES_DIR': str(home/'workspaces'), **dict(env)}
    log = open(home/'log', 'w+')
    server = subprocess.Popen(command, env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        for _ in range(300):
            if server.poll() is not None: break
            with contextlib.suppress(OSError): urllib.request.urlopen(f'http://127.0.0.1:{port}/api/status?token={token}', timeout=5).close(); break
            time.sleep(.4)
        else: raise TimeoutError('JupyterLab does not answer')
        if server.poll() is not None: log.seek(0); sys.exit(f'JupyterLab has ended:\n{log.read()[-3000:]}')
        yield port, token
    finally:    # it ends its kernels itself when it is asked politely
        with contextlib.suppress(ProcessLookupError): os.killpg(server.pid, signal.SIGTERM)
        try: server.wait(20)
        except subprocess.TimeoutExpired: os.killpg(server.pid, signal.SIGKILL); server.wait()
        log.close()

@contextlib.contextmanager
def alone(*files):
    "`picnet_complete --gui`, for as long as the block lasts; gives its address and its process."
    with tempfile.TemporaryDirectory(prefix='picnet_gui_') as home, open(Path(home)/'log', 'w') as log:
        env = {**os.environ, 'HOME': home, 'BROWSER': 'true'}
        server = subprocess.Popen([*gui, *map(str, files)], env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        try:
            for _ in range(300):
                if url := re.search(r'http://\S+', said := Path(log.name).read_text()): break
                if server.poll() is not None: sys.exit(f'picnet_complete --gui has ended:\n{said[-3000:]}')
                time.sleep(.4)
            yield url[0], server
        finally:
            with contextlib.suppress(ProcessLookupError): os.killpg(server.pid, signal.SIGKILL)
            server.wait()

@contextlib.contextmanager
def browser(**kw):
    "A browser window, its page and all addresses it has asked for."
    from playwright.sync_api import sync_playwright
    flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium(), args=flags.split())
        try:
            page = b.new_context(accept_downloads=True, **kw).new_page()
            page.set_default_timeout(patience)
            page.asked, page.errors, page.frames_sent = [], [], []
            page.on('websocket', lambda ws: ws.on('framesent', lambda data: page.frames_sent.append(len(data))))
            page.on('request', lambda r: page.asked.append(r.url))
            page.on('pageerror', lambda e: page.errors.append(str(e)))
            yield page
        finally: b.close()

def open_notebook(page, port, token, name, at='lab/tree'):
    "Open a notebook and run all of it, as a person would."
    page.goto(f'http://127.0.0.1:{port}/{at}/{name}?reset&token={token}')
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status=idle]')
    page.wait_for_function("""() => { const s = window.jupyterapp?.shell.currentWidget?.sessionContext, k = s?.session?.kernel
        return s?.isReady && k?.status == 'idle' && k.connectionStatus == 'connected' }""")
    if at == 'lab/tree': command(page, 'application:toggle-left-area')
    page.locator('.jp-NotebookPanel .jp-Cell').first.click()
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
    cells = page.wait_for_function("""() => { const all = [...window.jupyterapp.shell.currentWidget.content.model.cells].filter(c => c.type == 'code')
        const wrong = all.flatMap(c => c.outputs.toJSON().filter(o => o.output_type == 'error'))
        return (wrong.length || all.every(c => c.executionCount && c.executionState != 'running')) && { n: all.length, wrong: wrong.map(o => o.ename + ': ' + o.evalue) } }""",
        timeout=600_000).json_value()
    check(not cells['wrong'], f'{name}: {cells["n"]} cells run through {cells["wrong"]}')

def command(page, name, **args): page.evaluate('([name, args]) => window.jupyterapp.commands.execute(name, args)', [name, args])

def python(page, code):
    "Run code in the kernel of the notebook; what it prints."
    return page.evaluate("""code => new Promise(done => { let out = ''; const f = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code })
        f.onIOPub = m => { out += m.content.text ?? m.content.evalue ?? '' }; f.done.then(() => done(out.trim())) })""", code)

# --- a person at the widget

def visit(page, url, shots=None):
    "A person before a page that shows the widget alone."
    page.goto(url)
    page.wait_for_selector('.picnet')
    me = Person(page, shots)
    me.until('s.W && !e.kernel.open.length')
    return me

class Person:
    def __init__(self, page, shots=None):
        self.page, self.shots, self.w = page, shots, page.locator('.picnet').first
        self.find()

    def find(self):
        "Scroll until the widget is there: far cells are not on the page."
        for _ in range(60):
            if self.w.count() and self.w.is_visible(): break
            self.page.evaluate("document.querySelector('.jp-WindowedPanel-outer')?.scrollBy(0, 600)")
            self.page.wait_for_timeout(100)
        self.w.wait_for()
        self.w.locator('.pn-stage').scroll_into_view_if_needed()
        self.page.wait_for_timeout(400)

    def js(self, code, *args): # with e: the editor, s: its stage
        return self.w.evaluate(f'(root, a) => {{ const e = root.editor, s = e.stage; return {code} }}', list(args))
    def until(self, code, *args, timeout=patience):
        self.page.wait_for_function(f'([root, a]) => {{ const e = root.editor, s = e.stage; return {code} }}', arg=[self.w.element_handle(), list(args)], timeout=timeout)
    def do(self, name):
        b = self.w.locator(f'[data-do={name}]')
        if not b.is_visible(): self.w.locator(f'.pn-holder:has([data-do={name}]) > button').click()      # in a menu
        b.click()
    def state(self, *states, timeout=patience):
        self.until('a.includes(root.dataset.state)', *states, timeout=timeout)
    def text(self): return self.w.locator('.pn-status').inner_text()
    def says(self, text): self.w.locator('.pn-status', has_text=text).wait_for(timeout=patience)   # the state alone may be an earlier one
    def title(self): return self.sets().last.get_attribute('aria-label')
    def sets(self): return self.w.locator('.pn-strip:not(.pn-small) .pn-set')
    def thumbs(self): return self.sets().last.locator('.pn-thumb')
    def tag(self): return self.w.locator('.pn-tag').inner_text()
    def choose(self, i):
        self.thumbs().nth(i).click()
        self.until('e.shown[1] === a[0] && !e.kernel.open.length && e.large.urls.has(e.shown.join(":"))', i)
    def sample(self, name):
        self.w.locator('.pn-bar select').select_option(label=name.replace('_', ' '))
        self.until('e.get("name") === a[0] && !e.kernel.open.length && e.at === e.get("_at")', name)
        self.page.wait_for_timeout(200)

    def open(self, file, n=0): # 0: a picture, 1: a mask
        self.w.locator('input[type=file]').nth(n).set_input_files(file)
        self.state('busy', 'ready', 'error')
        self.state('ready', 'error')
        self.until('e.at === e.get("_at") && s.before.complete')
        self.page.wait_for_timeout(300)

    def at(self, x, y): # parts of the picture -> pixels of the page
        self.w.locator('.pn-stage').scroll_into_view_if_needed()      # what loads above it may have pushed it off the screen
        b = self.w.locator('.pn-world').bounding_box()
        return b['x'] + x*b['width'], b['y'] + y*b['height']

    def stroke(self, *points, steps=1):
        m = self.page.mouse
        m.move(*self.at(*points[0])); m.down()
        for p in points[1:]: m.move(*self.at(*p), steps=steps)
        m.up()

    def click(self, x, y): self.page.mouse.click(*self.at(x, y))

    def touch(self, *frames): # each frame: where the fingers are; of one finger, or of several
        cdp = self.page.context.new_cdp_session(self.page)
        fingers = lambda f: [f] if isinstance(f[0], float) else f
        points = [[dict(zip('xy', self.at(*p)), id=k) for k, p in enumerate(fingers(f))] for f in frames]
        send = lambda kind, p: cdp.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': p})
        for k in range(len(points[0])): send('touchStart', points[0][:k + 1])
        for p in points[1:]: send('touchMove', p)
        send('touchEnd', [])
        cdp.detach()

    def pen(self, *points, buttons=1): # buttons 32: its other end, which Playwright does not know, so the page sends these events to itself
        self.w.locator('.pn-stage').evaluate("""(e, [points, buttons]) => points.forEach(([clientX, clientY], i) => { for (const kind of [i ? 'pointermove' : 'pointerdown',
            ...(i == points.length - 1 ? ['pointerup'] : [])]) e.dispatchEvent(new PointerEvent(kind, { pointerId: 77, pointerType: 'pen', isPrimary: true, button: 0, buttons, clientX, clientY, bubbles: true })) })""",
            [[self.at(*p) for p in points], buttons])

    def ink(self, *points): # is there hole at these places?
        return self.js('a.map(([x, y]) => !!s.bits.get(Math.floor(x*s.bits.w), Math.floor(y*s.bits.h)))', *map(list, points))
    def shows(self, *points): # and ink on the screen?
        return self.js('''a.map(([x, y]) => s.ctx.getImageData(Math.round((s.x + x*s.W*s.s)*s.dpr), Math.round((s.y + y*s.H*s.s)*s.dpr), 1, 1).data[3] > 60)''', *map(list, points))
    def covered(self): return self.js('s.bits.data.reduce((n, o) => { for (; o; o &= o - 1) n++; return n }, 0)/(s.bits.w*s.bits.h)') # share of the picture
    def cleared(self): self.do('clear'); check(self.covered() == 0, 'clear')

    def size(self, v): # of the brush, 0 to 100
        self.w.locator('.pn-slider input').evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", v)
    def set(self, label, v):
        self.w.evaluate("e => { e.querySelector('details').open = true }")
        e = self.w.get_by_label(label, exact=True)
        e.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')) }", str(v))

    def download(self, click):
        with self.page.expect_download(timeout=120_000) as d: click()
        return d.value.suggested_filename, Path(d.value.path()).read_bytes()

    def complete(self, press=True):
        if press: self.do('complete')
        self.until('!e.kernel.open.length')
        self.page.wait_for_timeout(50)
        self.state('done', 'error')
        check(self.w.get_attribute('data-state') == 'done', f'completed: {self.text()}')

    def shot(self, name, whole=False):
        if not self.shots: return
        self.page.wait_for_timeout(250)
        f = self.shots/f'{len(shown):02}_{name}.png'
        shown.append(f)
        self.page.screenshot(path=f) if whole else self.w.screenshot(path=f)

    def axe(self, state): # accessibility, where axe-core is at hand
        if not axe: return
        self.page.evaluate(axe)
        found = self.w.evaluate("e => axe.run(e, { resultTypes: ['violations', 'incomplete'], rules: { 'target-size': { enabled: true } } })")
        say = lambda o: [(r['id'], [n['html'][:120] for n in r['nodes']][:2], r['nodes'][0]['failureSummary'][:200] if r['nodes'][0].get('failureSummary') else '') for r in o]
        check(not found['violations'], f'axe-core, {state}: {len(found["passes"])} rules passed {say(found["violations"])}')

def pixels(data): return np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))

# --- the test; F1 to F29 are faults that the widget has had

def test_drawing(me):
    page = me.page
    me.sample('daisy_1')
    check(me.covered() == 0, 'a new picture has no hole')
    check(me.w.get_attribute('data-theme') == 'light', 'the theme of the page')
    me.axe('empty')
    me.size(40)
    me.stroke((.1, .2), (.9, .2))                               # one move: as fast as it gets
    line = [(x/100, .2) for x in range(11, 90)]
    check(all(me.ink(*line)) and all(me.shows(*line)), 'a fast stroke has no gaps')
    me.touch((.1, .4), (.3, .45), (.6, .4), (.9, .4))
    check(all(me.ink((.1, .4), (.2, .425), (.45, .425), (.8, .4))), 'a finger paints')
    me.touch([(.3, .3), (.6, .6)])
    check(not any(me.ink((.2, .425), (.8, .4))) and all(me.ink((.2, .2))), 'two fingers tap: undo')
    me.touch([(.3, .3), (.6, .6), (.5, .7)])
    check(all(me.ink((.2, .425), (.8, .4))), 'three: redo')
    me.pen((.1, .9), (.5, .85), (.9, .9))
    check(all(me.ink((.1, .9), (.3, .875), (.9, .9))), 'a pen paints')
    me.touch((.5, .6), (.7, .7))
    check(not any(me.ink((.6, .65))), 'and the palm that rests beside it does not')
    me.pen((.4, .8), (.4, .95), buttons=32)
    check(not any(me.ink((.4, .8625))), 'its other end erases')
    both = me.covered()
    me.do('erase')
    me.stroke((.5, .1), (.5, .6), steps=6)
    check(not any(me.ink((.5, .2), (.5, .41))) and all(me.ink((.2, .2), (.2, .425))), 'the eraser erases where it goes')
    me.do('undo')
    check(me.covered() == both, 'undo')
    me.do('redo')
    check(not any(me.ink((.5, .2))), 'redo')
    page.keyboard.press('Control+z')
    check(all(me.ink((.5, .2))), 'undo by the keyboard')
    me.do('clear')
    me.do('rect')
    me.stroke((.3, .6), (.5, .8), steps=3)
    check(all(me.ink((.32, .62), (.48, .78))) and not any(me.ink((.52, .7), (.4, .85))), 'a rectangle')
    me.do('brush')
    for tool in ('rect', 'brush', 'lasso'):
        me.do(tool)
        before, m = me.covered(), page.mouse
        m.move(*me.at(.6, .2)); m.down(); m.move(*me.at(.8, .4), steps=3)
        page.keyboard.press('Escape'); m.up()
        check(me.covered() == before, f'F19 Escape cancels: {tool}')
    before = me.covered()
    me.do('invert')
    check(abs(me.covered() - (1 - before)) < 1e-6, 'invert')
    me.cleared()

def test_selecting(me):
    page = me.page
    me.do('lasso')
    me.stroke((.2, .2), (.5, .15), (.6, .5), (.3, .6), steps=6)
    check(all(me.ink((.4, .35))) and not any(me.ink((.65, .5), (.2, .6))), 'a lasso')
    me.cleared()
    for p in ((.2, .2), (.7, .2), (.7, .7), (.2, .7)): me.click(*p)
    page.keyboard.press('Enter')
    square = me.covered()
    check(abs(square - .25) < .01, f'a polygon by its corners: {square:.3f}')
    me.do('grow')
    grown = me.covered()
    me.do('shrink')
    check(grown > square + .005 and abs(me.covered() - square) < .003, f'grow and shrink: {grown:.3f}, {me.covered():.3f}')
    page.keyboard.down('Alt'); me.click(.4, .4); me.click(.5, .4); me.click(.5, .5); page.keyboard.press('Enter'); page.keyboard.up('Alt')
    check(not any(me.ink((.49, .42))), 'Alt takes away')
    me.cleared()
    me.do('brush'); me.size(30)
    me.click(.1, .1)
    page.keyboard.down('Shift'); me.click(.8, .6); page.keyboard.up('Shift')
    check(all(me.ink(*[(.1 + .7*t/9, .1 + .5*t/9) for t in range(10)])), 'Shift: a straight line')
    me.cleared()
    me.do('wand'); me.size(45)
    me.click(.5, .5)
    flower = me.covered()
    check(all(me.ink((.5, .5))) and .005 < flower < .3, f'the wand takes the heart of the flower: {flower:.1%}')
    me.shot('wand')
    before = me.w.screenshot()
    me.w.get_by_label('Color of the hole').evaluate("e => { e.value = '#00ff00'; e.dispatchEvent(new Event('input')) }")
    check(me.w.screenshot() != before and me.js('s.colors[0] & 0xffffff') == 0x00ff00, 'F7 the hole has a color of choice')
    me.do('clear')
    me.do('brush')

def test_keys(me, cells, where):
    "F1, F16: all that the widget has a key for stays with it, and so does what it has none for."
    page = me.page
    me.w.locator('.pn-stage').focus()
    n, tag = cells(), me.w.element_handle()
    me.js('root.dataset.mine = "yes"')
    for k in ('r', 'e', 'b', 'a', 'x', 'd', 'd', 'm', 'y', 'z', 'ArrowDown', 'Space', 'Enter', 'Shift+ArrowRight', 'Shift+ArrowRight', '1', '0', 'b'): page.keyboard.press(k)
    page.wait_for_timeout(300)
    check(cells() == n and me.w.get_attribute('data-mine') == 'yes' and page.evaluate('e => e.isConnected', tag), f'F1 {where}: the notebook does not take keys that were for the widget')
    page.wait_for_timeout(900)
    check(me.covered() > 0 and me.js('document.activeElement !== document.body'), f'{where}: painting with the keyboard')
    steps = me.js('e.past.length')
    for k in ('Shift+ArrowRight',)*4: page.keyboard.press(k)
    page.wait_for_timeout(1000)
    check(me.js('e.past.length') == steps + 1, 'F16 keys that follow each other are one step of the history')
    me.do('clear'); me.do('rect')
    me.w.locator('.pn-stage').focus()
    for k in ('Space', *['ArrowRight']*6, *['ArrowDown']*5, 'Space'): page.keyboard.press(k)
    check(me.covered() > .002, f'F16 a rectangle with the keyboard: {me.covered():.1%}')
    me.do('clear'); me.do('brush')
    page.keyboard.press('?')
    check(me.w.locator('.pn-sheet').is_visible(), 'a sheet of shortcuts by ?')
    me.axe('shortcuts')
    page.keyboard.press('Escape')
    me.stroke((.4, .4), (.6, .6), steps=3)
    before = me.covered()
    page.keyboard.press('Control+Enter')
    me.state('busy', 'done')
    me.complete(press=False)
    check(me.covered() == before and me.w.get_attribute('data-mine') == 'yes', f'F1 {where}: Ctrl Enter completes and does not run the cell')

def hole_of(me): return pixels(me.download(lambda: me.do('mask-out'))[1])[..., 0] > 127

def test_completing(me):
    page, original = me.page, pixels((root/'picnet_nb/samples/daisy_1.jpg').read_bytes())
    me.size(75)
    me.set('Number', 4)
    me.stroke((.4, .4), (.55, .45), (.5, .6), steps=5)
    me.touch((.38, .55), (.45, .62), (.55, .6))
    hole = hole_of(me)
    check(hole.shape == original.shape[:2] and .02 < hole.mean() < .5, f'the mask is of full size; {hole.mean():.0%} of the picture')
    me.shot('drawn')
    top = me.w.locator('.pn-dock').bounding_box()['y']
    sets = me.js('e.sets.size')
    me.do('complete')
    me.until('e.sets.size > a[0] && e.shown.length && !s.after.hidden', sets)
    n = me.thumbs().count()
    check(n < 4 or me.w.get_attribute('data-state') == 'busy', f'F3 the first is on the stage as soon as it is made, with {n} of 4')
    me.complete(press=False)
    check(me.thumbs().count() == 4 and me.tag() == '1 of 4', 'four completions, the first one on the stage')
    box = me.w.locator('.pn-dock').bounding_box()
    check(box['y'] == top, 'F22 nothing has moved')
    check('e' not in me.thumbs().nth(0).inner_text() and not me.w.locator('.pn-ink').is_visible(), 'F14 no scores; the hole\'s tint is off')
    me.shot('completed')
    me.axe('done')
    me.thumbs().nth(3).hover()
    me.until('e.peeked')
    check('4 of 4, a look' in me.tag() and me.js('e.shown[1]') == 0, 'F14 a look at another one while the mouse is over it')
    me.page.mouse.move(2, 2)
    me.until('!e.peeked')
    me.choose(1)
    handle = me.w.get_by_role('slider', name='Compare')
    b, w = handle.bounding_box(), me.w.locator('.pn-world').bounding_box()
    page.mouse.move(b['x'] + 22, b['y'] + b['height']/2); page.mouse.down(); page.mouse.move(w['x'] + w['width']/2, b['y'] + b['height']/2, steps=4); page.mouse.up()
    check(abs(me.js('s.split') - .5) < .02 and 'inset' in me.js('s.after.style.clipPath'), 'a handle on the picture: half before, half after')
    me.shot('comparing')
    handle.focus()
    page.keyboard.press('Home')
    check(me.js('s.split') == 0, 'which keys move as well')
    page.mouse.move(*me.at(.5, .5)); page.mouse.down()
    check(me.w.locator('.pn-after').evaluate("e => getComputedStyle(e).visibility") == 'hidden', 'hold to see the picture before')
    page.mouse.up()
    me.thumbs().nth(1).focus()
    page.keyboard.press('ArrowRight')
    me.until('e.shown[1] === 2')
    check(me.tag() == '3 of 4' and me.js('document.activeElement.dataset?.key ?? root.getRootNode().activeElement.dataset.key') == me.js('e.shown.join(":")'), 'F16 arrows in the gallery')
    stops = me.w.evaluate("""e => [...e.querySelectorAll('button, input, select, summary, [tabindex]')].filter(o => o.tabIndex >= 0 && o.checkVisibility() && !o.disabled).length""")
    check(stops <= 40, f'F16 {stops} tab stops, one for the gallery')
    me.do('keep'); me.choose(0); me.do('keep')
    me.until('e.get("kept").length === 2')
    name, data = me.download(lambda: me.do('png'))
    made = [pixels(data)]
    me.choose(2)
    made.append(pixels(me.download(lambda: me.do('png'))[1]))
    name, data = me.download(lambda: me.do('all'))
    with zipfile.ZipFile(io.BytesIO(data)) as z: every = [pixels(z.read(o)) for o in z.namelist()]
    check(len(every) == 4 and (every[0] == made[0]).all() and (every[2] == made[1]).all(), f'{name} has all four, the single ones among them')
    for o in every: check(o.shape == original.shape and (o[~hole] == original[~hole]).all(), 'downloaded: outside of the hole the original, bit for bit')
    with zipfile.ZipFile(io.BytesIO(me.download(lambda: me.do('kept'))[1])) as z: names = z.namelist()
    check(names == ['daisy_1_set%d_%02d.png' % (me.js('e.shown[0]') + 1, k) for k in (3, 1)], f'F11 those that are kept, together: {names}')
    name, data = me.download(lambda: me.do('jpeg'))
    check((name[-4:], Image.open(io.BytesIO(data)).format, Image.open(io.BytesIO(me.download(lambda: me.do('webp'))[1])).format) == ('jpeg', 'JPEG', 'WEBP'), 'F12 JPEG and WebP')
    apart = [np.abs(a[hole].astype(float) - b[hole]).mean() for i, a in enumerate(every) for b in every[:i]]
    check(min(apart) > 0, f'and different in it: {np.mean(apart):.2f} of 255 on average, at least {min(apart):.2f}')
    note(f'4 completions downloaded as PNG: known pixels equal the original, and in the hole they are {np.mean(apart):.2f} of 255 apart (at least {min(apart):.2f})')

def test_going_on(me):
    page = me.page
    first = me.js('e.shown')
    n = me.js('e.sets.size')
    me.do('like')
    me.until('e.sets.size > a[0]', n)
    me.complete(press=False)
    check(me.js('e.shown') == first and 'like 3 of set' in me.title(), f'F3 Vary stays on what is varied: {me.title()}')
    me.choose(0)
    me.do('between')
    me.shot('pairing')
    me.thumbs().nth(3).click()
    me.until('e.shown[0] === Math.max(...e.sets.keys())')
    me.complete(press=False)
    check(me.thumbs().count() == 9 and me.js('e.shown[1]') == 0 and 'from 1 of set' in me.title(), f'In between begins at what it is from: {me.title()}')
    walk = me.w.get_by_label('In between: from one')
    walk.focus()
    for _ in range(4): page.keyboard.press('ArrowRight')
    check(me.tag() == '5 of 9', 'the slider walks')
    me.shot('between')
    me.w.locator('.pn-small .pn-thumb').first.click()
    me.until('String(e.shown) === String(e.get("kept")[0])')
    check(me.tag() == '3 of 4', 'back at what was kept')
    hole, bar = me.covered(), me.w.locator('[data-do=undo]').bounding_box()
    me.do('use')
    me.until('e.at === e.get("_at") && e.at > 0 && !e.shown.length')
    check(me.covered() == 0 and not me.w.locator('.pn-thumb').nth(0).is_visible() or me.sets().count() == 0, 'used as the picture: a new hole can be painted')
    check(me.w.locator('[data-do=undo]').bounding_box() == bar, 'F10 no tool has moved')
    check(me.w.locator('[data-do=like]').get_attribute('aria-disabled') == 'true', 'F9 nothing of the picture before can be varied here')
    at = me.js('e.at')
    me.stroke((.2, .3), (.4, .3), steps=3)
    page.wait_for_timeout(400)
    me.w.locator('.pn-stage').focus()
    page.keyboard.press('Control+z')
    check(me.covered() == 0, 'undo: the stroke')
    page.keyboard.press('Control+z')
    me.until('e.at < a[0] && e.shown.length && !e.going', at)
    check(me.covered() == hole and me.tag() == '3 of 4', 'F10 undo: the picture before, its hole and what was shown')
    page.keyboard.press('Control+Shift+z')
    me.until('e.at === a[0] && !e.going', at)
    page.keyboard.press('Control+Shift+z')
    check(me.covered() > 0, 'F10 redo: the picture, and the stroke on it')
    for _ in range(2): page.keyboard.press('Control+z'); me.until('!e.going'); page.wait_for_timeout(300)
    me.until('e.at < a[0]', at)
    names = me.w.locator('.pn-bar select').locator('option').all_inner_texts()
    check('daisy 1-2' in names and 'daisy 1' in names, f'F10 both are in the list: {names[:3]}')
    me.choose(1)
    me.do('draw')
    check(me.covered() == hole and me.w.locator('.pn-ink').is_visible(), 'back to drawing')

def test_extend(me):
    "A larger picture, filled by the model; a soft edge; all of it undone."
    me.sample('tulip_2')
    W, H = me.js('[s.W, s.H]')
    edge = round(W/4)
    me.do('extend-left')
    me.until('s.W === a[0] && !s.bits.empty', W + edge)
    check(abs(me.covered() - edge/(W + edge)) < .01, 'extended to the left: what is new is the hole')
    me.set('Filled by', 'model')
    me.set('Number', 2)
    me.complete()
    me.shot('extended')
    out, known = pixels(me.download(lambda: me.do('png'))[1]), pixels((root/'picnet_nb/samples/tulip_2.jpg').read_bytes())
    check(out.shape == (H, W + edge, 3) and (out[:, edge:] == known).all() and out[:, :edge].std() > 5, 'and filled; the picture is known, bit for bit')
    me.do('undo'); me.do('undo')
    me.until('e.get("name") === "tulip_2" && !e.shown.length')
    check(me.js('s.W') == W, 'undone: the picture as it was')
    me.do('clear')
    me.size(60); me.stroke((.4, .4), (.6, .6), steps=3)
    me.set('Soft edge', 12)
    hole = hole_of(me)
    me.complete()
    out = pixels(me.download(lambda: me.do('png'))[1])
    far = np.array([np.hypot(*(np.argwhere(hole) - o).T).min() for o in np.argwhere(~hole)])
    changed = (out != known).any(-1)[~hole]
    check(changed[far <= 6].any() and not changed[far > 12.5].any(), f'a soft edge: {changed.sum()} known pixels near the hole blend, none farther than 12')
    me.set('Soft edge', 0); me.set('Filled by', 'auto'); me.set('Number', 8)
    me.do('draw')

def test_zoom(me, folder):
    "F4: 12 megapixels, sharp at 100 %."
    page, (W, H) = me.page, (4000, 3000)
    big = np.asarray(Image.open(root/'picnet_nb/samples/rose_1.jpg').resize((W, H), Image.Resampling.BICUBIC)).copy()
    big[1400:1600, 1900:2100] = np.where((np.indices((200, 200)).sum(0) % 2)[..., None], 255, 0)      # what only full size shows
    exif = Image.Exif(); exif[271] = 'a camera'
    Image.fromarray(big).save(folder/'large.jpg', quality=92, exif=exif)
    start = time.perf_counter()
    me.open(folder/'large.jpg')
    note(f'12 megapixels are open after {time.perf_counter() - start:.1f} s')
    fit = me.js('s.percent')
    me.w.locator('[data-do=percent]').click()
    me.until('!s.sharp.hidden && s.sharp.complete && s.sharp.naturalWidth')
    check(me.js('s.percent') == 100 and abs(me.js('s.sharp.naturalWidth*s.W/s.sharp.clientWidth/s.W') - 1) < .02, f'F4 from {fit} to 100 %: what is seen is fetched in full')
    b = me.w.locator('.pn-stage').bounding_box()
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=dict(x=b['x'] + b['width']/2 - 40, y=b['y'] + b['height']/2 - 40, width=80, height=80)))).convert('L'), float)
    check(np.abs(np.diff(shot, axis=1)).mean() > 90, f'F4 sharp: neighbours differ by {np.abs(np.diff(shot, axis=1)).mean():.0f} of 255')
    me.size(55)
    x = me.js('s.x')
    me.w.locator('.pn-stage').focus()
    page.mouse.move(b['x'] + 200, b['y'] + 200); page.keyboard.down(' '); page.mouse.down(); page.mouse.move(b['x'] + 260, b['y'] + 220, steps=3); page.mouse.up(); page.keyboard.up(' ')
    check(abs(me.js('s.x') - x - 60) < 1 and me.covered() == 0, 'F4 Space and the mouse drag it, and paint nothing')
    m, c = page.mouse, (b['x'] + b['width']/2, b['y'] + b['height']/2)
    m.move(c[0] - 60, c[1]); m.down(); m.move(c[0] + 60, c[1] + 10, steps=4); m.up()
    me.shot('large_100')
    page.keyboard.press('0')
    check(me.js('s.fitted') and me.js('s.percent') == fit, 'fit')
    m.move(*c); page.keyboard.down('Control'); m.wheel(0, -200); page.keyboard.up('Control')
    check(me.js('s.percent') > fit, f'F4 Ctrl and the wheel: {me.js("s.percent")} %')
    page.keyboard.press('0')
    me.touch([(.45, .5), (.55, .5)], [(.4, .5), (.6, .5)], [(.3, .5), (.7, .5)])
    check(me.js('s.percent') > fit*2 and me.covered() < .01, f'F4 two fingers zoom and leave no ink: {me.js("s.percent")} %')
    page.keyboard.press('0')
    b = me.w.locator('.pn-stage').bounding_box()
    high = me.js('e.window()')
    check(b['height'] > .5*high, f'F4 the stage has {b["height"]:.0f} of the {high} pixels of the window')

def test_traffic(me):
    "F5: at 12 megapixels."
    page = me.page
    me.do('clear')
    page.frames_sent.clear()
    rng = np.random.default_rng(1)
    me.size(35)
    page.evaluate("() => { window.long = []; new PerformanceObserver(l => window.long.push(...l.getEntries().map(o => o.duration))).observe({ type: 'longtask' }) }")
    for _ in range(200):
        p = rng.random((3, 2))*.8 + .1
        me.js('''[0].map(() => { const r = s.node.getBoundingClientRect(), at = ([x, y]) => ({ clientX: r.left + s.x + x*s.W*s.s, clientY: r.top + s.y + y*s.H*s.s, pointerId: 9, pointerType: 'mouse', isPrimary: true, button: 0, buttons: 1, bubbles: true })
            s.node.dispatchEvent(new PointerEvent('pointerdown', at(a[0]))); for (const p of a.slice(1)) s.node.dispatchEvent(new PointerEvent('pointermove', at(p))); s.node.dispatchEvent(new PointerEvent('pointerup', at(a.at(-1)))) }).length''', *p.tolist())
    drawn = sum(page.frames_sent)
    long = page.evaluate('window.long')
    check(np.median(long or [0]) < 150, f'200 strokes: {len(long)} tasks of more than 50 ms {[round(o) for o in long[:5]]}')
    note(f'200 strokes at 12 megapixels: {len(long)} tasks of more than 50 ms, {drawn/1000:.0f} KB sent meanwhile')
    undo = me.js('(() => { const t = []; for (let k = 0; k < 20; k++) { const o = e.past.at(-1 - k), a = performance.now(); s.apply(o.patch); t.push(performance.now() - a); s.apply(o.patch) } return t })()')
    note(f'undo after 200 strokes at 12 megapixels: median {np.median(undo):.1f} ms, at most {max(undo):.1f} ms')
    check(np.median(undo) < 40, 'F5 undo is quick')
    page.wait_for_timeout(1500)
    me.until('!e.dirty && !e.kernel.open.length')
    page.frames_sent.clear()
    me.stroke((.3, .3), (.4, .4), steps=3)
    page.mouse.move(3, 3)
    me.until('!e.dirty && !e.kernel.open.length')
    page.wait_for_timeout(300)
    big = max(page.frames_sent)
    check(big < 64_000, f'F5 the hole of 200 strokes at 12 megapixels is one message of {big/1000:.0f} KB')
    note(f'the hole of 200 strokes at 12 megapixels: {big/1000:.0f} KB')

def test_large(me, folder):
    page, W, H = me.page, 4000, 3000
    me.do('clear')
    me.size(60)
    me.stroke((.45, .45), (.5, .5), steps=4)
    hole = hole_of(me)
    check(hole.shape == (H, W) and hole.any(), 'the mask has 4000x3000 pixels')
    me.set('Number', 2)
    me.complete()
    start = time.perf_counter()
    out = pixels(me.download(lambda: me.do('png'))[1])
    note(f'a completion of 12 megapixels is saved as PNG in {time.perf_counter() - start:.1f} s')
    known = pixels((folder/'large.jpg').read_bytes())
    check((out[~hole] == known[~hole]).all() and (out[hole] != known[hole]).any(), 'worked on at full size: known pixels bit for bit')
    start = time.perf_counter()
    data = me.download(lambda: me.do('jpeg'))[1]
    note(f'and as JPEG, {len(data)/1e6:.1f} MB, in {time.perf_counter() - start:.1f} s')
    check(Image.open(io.BytesIO(data)).getexif().get(271) == 'a camera', 'F12 what the camera noted stays')
    page.keyboard.press('1')
    me.shot('large_done')
    me.w.locator('.pn-stage').focus(); page.keyboard.press('0')
    mask = np.zeros((H, W), np.uint8)
    mask[500:900, 1000:1500] = 255
    Image.fromarray(mask).save(folder/'Mask.png')
    me.open(folder/'Mask.png', 1)
    me.until('!e.shown.length || e.draw() || true')
    check('Mask.png is the hole now' in me.text(), f'F21 {me.text()}')
    check((hole_of(me) == (mask > 0)).all(), 'a mask from a file replaces the hole, and comes back as it was')
    me.do('undo')
    check(not any(me.ink((.35, .3))), 'which can be undone')
    check(me.js('e.large.urls.size') <= 32, 'F29 large pictures are released')

def test_files(me, folder):
    page = me.page
    me.stroke((.2, .2), (.3, .3), steps=3)
    hole = me.covered()
    own = me.js('e.at')
    names = me.w.locator('.pn-bar select')
    for k in me.js('e.get("_samples")')[:8]: me.sample(k)
    check('large' in names.locator('option').all_inner_texts(), 'F6 the own picture is still in the list after eight others')
    names.select_option(f'{own}')
    me.until('e.at === a[0]', own)
    page.wait_for_timeout(500)
    check(abs(me.covered() - hole) < 1e-9, 'F6 and has its hole')
    drop = """(e, [data, kind]) => { const t = new DataTransfer(), bytes = Uint8Array.from(atob(data), c => c.charCodeAt(0))
        t.items.add(new File([bytes], kind + 'ed.jpg', { type: 'image/jpeg' }))
        if (kind == 'past') { e.focus(); return document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: t, bubbles: true, cancelable: true })) }      // as in Firefox
        e.dispatchEvent(new DragEvent('dragover', { dataTransfer: t, bubbles: true, cancelable: true }))
        window.dropText = getComputedStyle(e.closest('.picnet'), '::after').content
        e.dispatchEvent(new DragEvent('drop', { dataTransfer: t, bubbles: true, cancelable: true })) }"""
    for kind in ('dropp', 'past'):
        me.w.locator('.pn-stage').evaluate(drop, [base64.b64encode((root/f'picnet_nb/samples/{dict(dropp="tulip_1", past="tulip_2")[kind]}.jpg').read_bytes()).decode(), kind])
        me.until('e.get("name") === a[0]', kind + 'ed')
        check(True, f'a picture that is {kind}ed')
    check('Drop a picture' in page.evaluate('window.dropText'), 'F28 which is said while it is over the widget')
    page.context.grant_permissions(['clipboard-read', 'clipboard-write'])
    me.w.locator('.pn-stage').focus()
    page.keyboard.press('Control+c')
    me.says('Copied')
    kinds = page.evaluate("async () => (await navigator.clipboard.read()).flatMap(o => o.types)")
    check(kinds == ['image/png'], 'the picture in the clipboard')
    (folder/'fake.png').write_text('not a picture')
    me.open(folder/'fake.png')
    me.says('can not be opened')
    check(me.text() == 'fake.png can not be opened: it is no image of a known format.', f'F21 {me.text()}')
    Image.open(root/'picnet_nb/samples/rose_2.jpg').resize((3000, 60)).save(folder/'flat.png')
    me.open(folder/'flat.png')
    a, b = me.w.locator('.pn-hint').bounding_box(), me.w.locator('.pn-stage').bounding_box()
    world = me.w.locator('.pn-world').bounding_box()
    check(a['width'] < b['width'] and (a['y'] > world['y'] + world['height'] or a['y'] + a['height'] < world['y']), 'F20 the hint is whole, and beside a flat picture')
    Image.new('RGB', (600, 400), (0, 163, 255)).save(folder/'sky.png')
    me.open(folder/'sky.png')
    me.size(60); me.stroke((.4, .4), (.6, .6), steps=3)
    shot = lambda x, y: np.asarray(Image.open(io.BytesIO(page.screenshot(clip=dict(zip(('x', 'y', 'width', 'height'), (*me.at(x, y), 2, 2)))))).convert('RGB'), float).mean((0, 1))
    apart = np.abs(shot(.5, .5) - shot(.1, .9)).max()
    check(apart > 60, f'F7 the hole is seen on blue sky: {apart:.0f} of 255 apart')
    me.shot('sky')

def test_trouble(me, folder):
    me.sample('daisy_1')
    me.do('clear')
    me.set(model, 'no/such/folder')
    me.stroke((.4, .4), (.6, .6), steps=3)
    me.do('complete')
    me.state('error')
    check(me.text().startswith('No weights at') and me.w.locator('.pn-status').get_attribute('role') == 'alert', f'an error is a sentence: {me.text()}')
    me.shot('error')
    me.axe('error')
    me.set(model, '')
    me.do('clear')
    me.do('complete')
    me.says('no hole yet')
    me.stroke((.4, .4), (.6, .6), steps=3)
    me.w.get_by_label('Fixed seed').check()
    me.set('Seed', 2**63)
    me.set('Number', 2)
    me.complete()
    check(me.js('e.get("seed")') == 2**53 - 1, 'F17 a seed that is too large becomes the largest')
    me.w.get_by_label('Fixed seed').uncheck()
    me.set('Variety', 0)
    check('all alike' in me.w.locator('.pn-side').inner_text(), 'F24 no variety: all alike, which is said')
    me.set('Variety', 1)
    rounds = lambda: me.js('e.sets.size')
    n = rounds()
    slow_weights(folder/'slow.safetensors')
    me.set(model, folder/'slow.safetensors')
    me.set('Number', 32)
    me.do('complete')
    me.w.locator('[data-do=stop]').wait_for()
    me.until('e.sets.size > a[0]', n)
    me.do('stop')
    me.says('Stopped')
    check(rounds() == n + 1 and 0 < me.thumbs().count() < 32, f'stopped: {me.thumbs().count()} that were made stay')
    me.do('complete')
    me.w.locator('[data-do=stop]').wait_for()
    me.set('Number', 2)
    me.do('complete')                                           # and press again
    me.says('2 completions')
    check(me.thumbs().count() == 2, 'pressed twice: the newest press wins')
    me.set(model, '')
    me.do('learn')
    me.says('Learning: step')
    me.do('stop')
    me.says('Stopped')
    me.set('Number', 8)
    me.do('draw')

def test_speed(me, folder):
    "From a move of the mouse to ink, and from the press to the first picture."
    page = me.page
    me.sample('daisy_1')
    me.do('clear')
    me.size(50)
    me.w.locator('.pn-stage').evaluate("""stage => { const t = window.times = []
        window.addEventListener('pointermove', () => { window.began = performance.now() }, true)
        stage.addEventListener('pointermove', e => { if (!e.buttons) return
            const o = { own: performance.now() - window.began, drawn: performance.now() - e.timeStamp }
            t.push(o)
            requestAnimationFrame(() => { const m = new MessageChannel(); m.port1.onmessage = () => { o.shown = performance.now() - e.timeStamp }; m.port2.postMessage(0) }) }) }""")
    (x, y), (u, v) = me.at(.1, .5), me.at(.9, .9)
    page.mouse.move(x, y); page.mouse.down()
    for k in range(1, 201): page.mouse.move(x + k*(u - x)/200, y + (v - y)*np.sin(k/8))
    page.mouse.up()
    page.wait_for_timeout(500)
    times = page.evaluate('window.times')
    check(len(times) >= 100, f'{len(times)} moves')
    for what, key in (('the work of the widget for a move', 'own'), ('from the move to ink in the canvas', 'drawn'), ('from the move to the frame with it', 'shown')):
        t = [o[key] for o in times if key in o]
        note(f'{what}: median {np.median(t):.1f} ms, 95% below {np.percentile(t, 95):.1f} ms ({len(t)} moves, load {os.getloadavg()[0]:.1f})')
    check(np.median([o['drawn'] for o in times]) < 500, 'ink follows the pen')
    me.do('clear')
    me.stroke((.4, .4), (.6, .6), steps=3)
    me.set('Number', 8)
    first = []
    for _ in range(4):
        me.js('''[0].map(() => { const n = e.sets.size, t = performance.now(); root.first = null; e.complete()
            const f = () => e.sets.size > n && !s.after.hidden && s.over.complete ? root.first = performance.now() - t : requestAnimationFrame(f); f() }).length''')
        me.until('root.first')
        first.append(me.js('root.first'))
        me.complete(press=False)
        me.do('draw')
    note(f'from the press to the first completion on the stage: {min(first[1:]):.0f} to {max(first[1:]):.0f} ms; {me.text()} (load {os.getloadavg()[0]:.1f})')

def test_looks(me):
    page = me.page
    me.w.locator('.pn-strip:not(.pn-small) .pn-thumb').first.click()
    page.wait_for_timeout(600)
    command(page, 'apputils:change-theme', theme='JupyterLab Dark')
    page.wait_for_timeout(1200)
    me.shot('dark')
    me.axe('dark')
    dark = me.w.evaluate('e => getComputedStyle(e).backgroundColor')
    check(me.w.get_attribute('data-theme') == 'dark', 'the theme is followed')
    for width, touch in ((900, 0), (740, 0), (430, 1)):
        page.set_viewport_size(dict(width=width, height=1000))
        page.wait_for_timeout(700)
        me.find()
        wide = me.w.evaluate('e => [...e.querySelectorAll("button, input, select")].filter(b => b.checkVisibility() && !b.closest(".pn-strip") && b.getBoundingClientRect().right > e.getBoundingClientRect().right + 1).map(b => b.outerHTML.slice(0, 80))')
        check(not wide and me.w.evaluate('e => e.scrollWidth <= e.clientWidth + 1'), f'nothing is cut off at {width} pixels {wide}')
        me.shot(f'dark_{width}')
    small = me.w.evaluate("""e => [...e.querySelectorAll('button, input:not([type=file]), select, summary, [role=option]')].filter(b => b.checkVisibility()).filter(b => {
        const r = (b.type == 'checkbox' || b.type == 'color' ? b.closest('label') : b).getBoundingClientRect(); return r.width < 24 || r.height < 24 }).map(b => b.outerHTML.slice(0, 90))""")
    check(not small, f'F26 targets of 24 pixels and more {small}')
    command(page, 'apputils:change-theme', theme='JupyterLab Light')
    page.wait_for_timeout(1200)
    me.shot('narrow_light')
    check(dark != me.w.evaluate('e => getComputedStyle(e).backgroundColor') and me.w.get_attribute('data-theme') == 'light', 'and back')
    bare = me.w.evaluate("""e => [...e.querySelectorAll('button, input:not([type=file]), select, [tabindex="0"]')].filter(b => b.checkVisibility())
        .filter(b => !(b.getAttribute('aria-label') || b.textContent.trim() || b.closest('label')?.textContent.trim())).map(b => b.outerHTML.slice(0, 120))""")
    check(not bare, f'every control has a name {bare}')
    text = me.w.inner_text()
    check(not any(o in text for o in ('Round', 'round ', 'Samples', '·')), 'F27 no jargon')
    page.set_viewport_size(dict(width=1440, height=1000))

def test_python(me, where):
    "A hole that Python makes while one draws, and who stops drawing."
    page, m = me.page, me.page.mouse
    m.move(*me.at(.1, .1)); m.down(); m.move(*me.at(.2, .15), steps=3)
    made = python(page, 'mask = w.mask.copy(); mask[:] = False; mask[40:80, 60:120] = True; w.mask = mask; print(mask.mean())')
    page.wait_for_timeout(500)
    m.move(*me.at(.3, .15)); page.keyboard.press('Escape'); m.up()
    page.wait_for_timeout(300)
    check(abs(me.covered() - float(made)) < .002 and float(python(page, 'print(w.mask.mean())')) == float(made), f'{where}: a hole from Python comes in the midst of a stroke that is canceled')

def test_kernel(me, run_again, where):
    "F2, F13: the kernel is busy, then restarted; then the cell is run again."
    page = me.page
    me.sample('rose_1')
    me.size(60)
    me.stroke((.4, .4), (.6, .6), steps=3)
    hole = me.covered()
    pid = int(python(page, 'import os; print(os.getpid())'))
    page.wait_for_timeout(500)
    os.kill(pid, signal.SIGSTOP)
    try:
        me.do('complete')
        me.state('waiting')
        check('busy' in me.text() and me.w.locator('.pn-status').get_attribute('role') == 'status', f'F13 {where}, a busy kernel: {me.text()}')
    finally: os.kill(pid, signal.SIGCONT)
    me.complete(press=False)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    me.w.locator('.pn-note').wait_for()
    check('restarted' in me.w.locator('.pn-note').inner_text() and 'pn-gone' in me.w.get_attribute('class'), f'F2 {where}: a restarted kernel says so')
    me.do('draw') if me.js('e.shown.length') else None
    me.stroke((.1, .8), (.3, .8), steps=3)
    hole = me.covered()
    me.do('complete')
    check(me.w.get_attribute('data-state') == 'gone' and hole > .02, f'F2 {where}: and the drawing is kept: {me.text()}')
    me.shot('restarted_' + where.split()[-1].lower(), whole=True)
    me.axe('restarted')
    run_again()
    me.w.locator('[data-do=restore]').wait_for()
    check('rose_1' in me.w.locator('.pn-note').inner_text(), f'the cell again: {me.w.locator(".pn-note").inner_text()}')
    me.do('restore')
    me.until('e.get("name") === "rose_1" && !s.bits.empty')
    page.wait_for_timeout(500)
    check(abs(me.covered() - hole) < 1e-6, f'F2 {where}: picture and hole are back')
    me.set('Number', 2)
    me.complete()
    me.do('keep')
    me.until('e.get("kept").length')
    run_again()
    me.w.locator('[data-do=restore]').wait_for()
    me.do('restore')
    me.until('e.get("name") === "rose_1" && e.get("kept").length === 1 && e.sets.size === 1 && e.shown.length === 2')
    check(True, f'F1 {where}: the cell again with the kernel alive: completions and what is kept come back as well')

def copy_of_notebook(folder):
    folder.mkdir()
    shutil.copy(root/'nbs/15_widget.ipynb', folder)
    shutil.copytree(root/'nbs/images', folder/'images')

@contextlib.contextmanager
def at_work(sample, seed, n, brush, **how): # how: see `browser`
    "A person before the widget alone, with an image and all settings made."
    with alone() as (url, _), browser(**how) as page:
        me = visit(page, url)
        me.sample(sample)
        me.set('Number', n)
        me.w.get_by_label('Fixed seed').check()
        me.set('Seed', seed)
        me.w.evaluate("e => { e.querySelector('details').open = false }")
        me.size(brush)
        yield me

def picture(file, sample, seed):
    "The widget at work, for the notebook and the README."
    with at_work(sample, seed, 9, 70, viewport=dict(width=1460, height=1300), device_scale_factor=1.5) as me:
        me.stroke((.42, .46), (.5, .42), (.56, .5), (.5, .58), (.44, .54), (.5, .5), steps=6)
        me.complete()
        me.page.mouse.move(*me.at(.66, .56), steps=3)
        me.page.wait_for_timeout(400)
        shot = Image.open(io.BytesIO(me.w.screenshot())).convert('RGB')
    shot = shot.resize((1000, round(1000*shot.height/shot.width)), Image.Resampling.LANCZOS)
    shot.save(file, optimize=True)
    if file.stat().st_size > 600_000: shot.quantize(256).save(file, optimize=True)
    note(f'{file}: {shot.width}x{shot.height}, {file.stat().st_size/1000:.0f} KB')

def notebook_of(code, file):
    cell = dict(cell_type='code', id='widget', metadata={}, source=code, outputs=[], execution_count=None)
    file.write_text(json.dumps(dict(cells=[cell], metadata=dict(kernelspec=dict(name='python3', display_name='Python 3')), nbformat=4, nbformat_minor=5)))

def test_host(me, shots, where, file):
    "What has to hold in each Jupyter: keys, a lost kernel, loading the page again."
    page = me.page
    def run_again():
        command(page, 'notebook:run-all-cells')
        page.wait_for_timeout(2500)
        me.__init__(page, shots)
    test_keys(me, lambda: page.locator('.jp-Cell').count(), where)
    me.shot(where.split()[0].lower(), whole=True)
    me.do('draw')
    test_python(me, where)
    before = me.covered()
    page.keyboard.press('Control+s')
    page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
    kept = [o['data'] for c in json.loads(file.read_text())['cells'] for o in c.get('outputs', [])]
    sheet = Image.open(io.BytesIO(base64.b64decode(''.join(kept[-1]['image/png']))))
    check(len(kept) == 2 and sheet.width > 300, f'F8 {where}: the saved notebook has a picture of {sheet.width}x{sheet.height} pixels, with what was made')
    check(not page.locator('.jp-OutputArea-child:has(.jp-RenderedImage)').first.is_visible(), 'F8 which is not shown beside the widget itself')
    page.reload()
    me.__init__(page, shots)
    me.until('e.sets.size && !s.bits.empty')
    check(me.thumbs().count() == 8 and abs(me.covered() - before) < 1e-6, f'{where}: after loading the page again, all is there')
    test_kernel(me, run_again, where)

def test_gui(folder, shots):
    "`picnet_complete --gui`, of an image and a mask: marimo, a shadow root and another way of messages, without any code."
    Image.open(root/'picnet_nb/samples/rose_1.jpg').save(folder/'my photo.png')
    mask = np.zeros(Image.open(folder/'my photo.png').size[::-1], np.uint8)
    mask[40:90, 60:130] = 255
    Image.fromarray(mask).save(folder/'hole.png')
    with alone(folder/'my photo.png', folder/'hole.png') as (url, server), browser(viewport=dict(width=1300, height=1000)) as page:
        start = time.perf_counter()
        me = visit(page, url, shots)
        note(f'F15 picnet_complete --gui: from the page to the widget {time.perf_counter() - start:.1f} s')
        check(me.js('e.get("name")') == 'my photo' and (hole_of(me) == (mask > 0)).all() and not page.locator('.cm-editor').count(), 'F15 with image and mask, and without code')
        check(me.js('!!root.getRootNode().host') and me.w.get_attribute('data-theme') == 'light', 'marimo: in a shadow root; its theme')
        me.sample('daisy_1')
        me.until('s.before.naturalWidth === 220 && s.W === 220')
        test_keys(me, lambda: page.locator('.picnet').count(), 'marimo')
        me.shot('gui', whole=True)
        check(me.thumbs().count() == 8 and not page.errors, f'marimo: eight completions {page.errors[:2]}')
        here = url.split('?')[0]
        away = [u for u in page.asked if not u.startswith((here, here.replace('http', 'ws'), 'blob:', 'data:'))]
        check(not away, f'marimo: nothing is asked of another machine {away[:3]}')
        page.keyboard.press('Control+z')
        me.until('!e.shown.length')
        asked = []
        page.once('dialog', lambda d: (asked.append(d.type), d.dismiss()))
        with contextlib.suppress(Exception): page.reload(timeout=4000)
        check(asked == ['beforeunload'] and not me.js('s.bits.empty'), f'F1 marimo: loading the page again asks first {asked}')
        os.killpg(server.pid, signal.SIGKILL)
        me.do('complete')
        page.wait_for_timeout(1500)
        check(me.w.get_attribute('data-state') in ('gone', 'waiting') and not me.js('s.bits.empty'), f'F2 marimo: nobody answers: {me.text()}')

def main(shots):
    with tempfile.TemporaryDirectory(prefix='picnet_browser_') as tmp:
        tmp = Path(tmp)
        copy_of_notebook(tmp/'home')
        notebook_of('from picnet_nb.widget import CompletionWidget\n\nw = CompletionWidget()\nw', tmp/'home'/'one.ipynb')
        start = time.time()
        with lab(tmp/'home', [sys.executable, '-m', 'jupyterlab', str(tmp/'home')]) as (port, token), browser(viewport=dict(width=1440, height=1000), has_touch=True) as page:
            open_notebook(page, port, token, '15_widget.ipynb')
            me = Person(page, shots)
            me.shot('start')
            try:
                for f in (test_drawing, test_selecting, test_completing, test_going_on, test_extend): f(me)
                test_zoom(me, tmp)
                test_traffic(me)
                for f in (test_large, test_files, test_trouble, test_speed): f(me, tmp)
                test_looks(me)
                open_notebook(page, port, token, 'one.ipynb')
                test_host(Person(page, shots), shots, 'JupyterLab', tmp/'home'/'one.ipynb')
            except Exception:
                if shots: page.screenshot(path=shots/'failed.png')
                raise
            badge = 'https://colab.research.google.com/assets/colab-badge.svg'     # the chapter's, not the widget's
            away = [u for u in page.asked if not u.startswith((f'http://127.0.0.1:{port}', f'ws://127.0.0.1:{port}', 'blob:', 'data:', badge))]
            check(not away, f'nothing is asked of another machine {away[:3]}')
            check(not page.errors, f'no errors on the page {page.errors[:3]}')
        with lab(tmp/'home', [sys.executable, '-m', 'notebook', str(tmp/'home')]) as (port, token), browser(viewport=dict(width=1200, height=900), device_scale_factor=2) as page:
            open_notebook(page, port, token, 'one.ipynb', 'notebooks')
            me = Person(page, shots)
            check(me.js('s.ink.width/s.ink.clientWidth') == 2, 'sharp on a screen of high resolution')
            test_host(me, shots, 'Notebook 7', tmp/'home'/'one.ipynb')
        test_gui(tmp, shots)
        note(f'drawn, completed, varied, downloaded in {time.time() - start:.0f} s' + (f'; {len(shown)} screenshots in {shots}' if shots else ''))

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--shots', type=Path, help='folder for screenshots')
    p.add_argument('--picture', type=Path, help='make the picture for the README instead of testing')
    p.add_argument('--axe', type=Path, help='axe.min.js of the npm package axe-core: accessibility is tested, too')
    p.add_argument('--sample', default='tulip_3', help='the photograph for --picture (tulip_3)')
    p.add_argument('--seed', type=int, default=3, help='the seed for --picture (3)')
    a = p.parse_args()
    if a.shots: a.shots.mkdir(parents=True, exist_ok=True)
    if a.axe: axe = a.axe.read_text(encoding='utf-8')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))
    picture(a.picture, a.sample, a.seed) if a.picture else main(a.shots)
