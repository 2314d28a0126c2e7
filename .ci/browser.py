#!/usr/bin/env python3
"""Uses the widget of chapter 11 as a person does, in a real browser: python .ci/browser.py [--shots FOLDER] [--picture FILE]

Starts JupyterLab with a token on the loopback interface, opens nbs/11_widget.ipynb in it, and draws, completes, picks and downloads with
mouse, finger and keys. Everything it starts it ends, and nothing else. Needs the [dev] packages and chromium; on Debian it installs the latter.
  --shots FOLDER   screenshots are written there
  --picture FILE   don't test; make the picture of the widget at work that the notebook and the README show (.png)
"""
import argparse, base64, contextlib, io, os, secrets, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request, zipfile
from pathlib import Path
import numpy as np
from PIL import Image

root = Path(__file__).resolve().parent.parent
patience = 120_000      # ms for what should take a second; the machine may be busy with other things
shown = []

def note(*a): print('-', *a, flush=True)
def check(ok, what):
    if not ok: raise AssertionError(what)
    print('ok', what, flush=True)

# --- what we start

def chromium():
    "The browser's file; Debian's is installed if there is none."
    for name in ('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'):
        if shutil.which(name): return shutil.which(name)
    if not shutil.which('apt-get'): sys.exit('there is no chromium on this machine, and no apt-get to install it with')
    sudo = [] if os.geteuid() == 0 else ['sudo', '-n']
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
''')
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
def browser(**kw):
    "A browser window, its page and all addresses it has asked for."
    from playwright.sync_api import sync_playwright
    flags = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
    with sync_playwright() as p:
        b = p.chromium.launch(executable_path=chromium(), args=flags.split())
        try:
            page = b.new_context(accept_downloads=True, has_touch=True, **kw).new_page()
            page.set_default_timeout(patience)
            page.asked, page.errors = [], []
            page.on('request', lambda r: page.asked.append(r.url))
            page.on('pageerror', lambda e: page.errors.append(str(e)))
            yield page
        finally: b.close()

def open_notebook(page, port, token, name):
    "Open a notebook and run all of it, as a person would."
    page.goto(f'http://127.0.0.1:{port}/lab/tree/{name}?reset&token={token}')
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status=idle]')
    command(page, 'application:toggle-left-area')
    page.locator('.jp-NotebookPanel .jp-Cell').first.click()
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.get_by_role('menuitem', name='Run All Cells', exact=True).click()
    page.wait_for_function("document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status != 'idle'")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status=idle]', timeout=600_000)

def command(page, name, **args): page.evaluate('([name, args]) => window.jupyterapp.commands.execute(name, args)', [name, args])

# --- a person at the widget

class Person:
    def __init__(self, page, shots=None):
        self.page, self.shots, self.w = page, shots, page.locator('.jp-OutputArea-output .picnet').first
        self.find()

    def find(self):
        "Scroll until the widget is there: far cells are not on the page."
        for _ in range(60):
            if self.w.count() and self.w.is_visible(): break
            self.page.evaluate("() => { const o = document.querySelector('.jp-WindowedPanel-outer'); o.scrollBy(0, 600) }")
            self.page.wait_for_timeout(100)
        self.w.wait_for()
        self.w.locator('.pn-stage').scroll_into_view_if_needed()
        self.page.wait_for_timeout(300)

    def do(self, name): self.w.locator(f'[data-do={name}]').click()
    def state(self, *states, timeout=patience):
        self.page.wait_for_function('([e, s]) => s.includes(e.dataset.state)', arg=[self.w.element_handle(), list(states)], timeout=timeout)
        return self.w.get_attribute('data-state')
    def text(self): return self.w.locator('.pn-status').inner_text()
    def title(self): return self.w.locator('.pn-head h3').inner_text()
    def thumbs(self): return self.w.locator('.pn-list:not(.pn-small) .pn-thumb')
    def sample(self, name):
        self.w.locator('select').select_option(name)
        self.page.wait_for_function('([e, n]) => e.querySelector("select").value == n || e.querySelector("select").selectedOptions[0].textContent == n', arg=[self.w.element_handle(), name])
        self.state('ready')
        self.page.wait_for_timeout(200)

    def at(self, x, y): # parts of the picture -> pixels of the page
        b = self.w.locator('.pn-stage').bounding_box()
        return b['x'] + x*b['width'], b['y'] + y*b['height']

    def stroke(self, *points, steps=1):
        m = self.page.mouse
        m.move(*self.at(*points[0])); m.down()
        for p in points[1:]: m.move(*self.at(*p), steps=steps)
        m.up()

    def touch(self, *points):
        cdp = self.page.context.new_cdp_session(self.page)
        send = lambda kind, p: cdp.send('Input.dispatchTouchEvent', {'type': kind, 'touchPoints': [dict(zip('xy', self.at(*p)), id=1)] if p else []})
        send('touchStart', points[0])
        for p in points[1:]: send('touchMove', p)
        send('touchEnd', None)
        cdp.detach()

    def ink(self, *points): # is there paint at these places?
        return self.w.locator('.pn-ink').evaluate('''(c, ps) => ps.map(([x, y]) =>
            c.getContext('2d').getImageData(Math.round(x*c.width), Math.round(y*c.height), 1, 1).data[3] > 127)''', [list(p) for p in points])

    def covered(self): # share of the picture that is painted
        return self.w.locator('.pn-ink').evaluate('''c => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data
            let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 127; return n/(d.length/4) }''')

    def size(self, v): # of the brush, 0 to 100
        self.w.locator('.pn-slider input').evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')) }", v)
    def set(self, label, v):
        e = self.w.get_by_label(label, exact=True)
        e.evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); e.dispatchEvent(new Event('change')) }", str(v))

    def download(self, click):
        with self.page.expect_download() as d: click()
        return d.value.suggested_filename, Path(d.value.path()).read_bytes()

    def complete(self, press=True):
        if press: self.do('complete')
        self.state('busy', 'done', 'error')
        self.page.wait_for_timeout(50)
        self.state('done', 'error')
        check(self.w.get_attribute('data-state') == 'done', f'completed: {self.text()}')

    def shot(self, name, whole=False):
        if not self.shots: return
        self.page.mouse.move(2, 2)
        self.page.wait_for_timeout(250)
        f = self.shots/f'{len(shown):02}_{name}.png'
        shown.append(f)
        self.page.screenshot(path=f) if whole else self.w.screenshot(path=f)

def pixels(data): return np.asarray(Image.open(io.BytesIO(data)).convert('RGB'))
