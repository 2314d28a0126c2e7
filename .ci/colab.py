"""Runs notebooks from top to bottom as Google Colab would: `python .ci/colab.py [NOTEBOOK ...]`, all of nbs/ if none is named.

An environment holds only what Colab has (.ci/colab-packages.txt, lent from this environment, so that PyTorch is not downloaded again); a small
`google.colab` stands in for Colab's own; /content is the working folder, so that the first cells of the notebooks install what they need: for
real, from the registry, only the address of the repository leads git to this clone. Then every cell runs, those marked `#| eval: false` too,
since Colab knows no such marks. Torch, torchvision and numpy must be the same afterwards.

/content is made for this and removed at the end. If it is there already, or can't be made, another folder plays its part, and the notebooks are
told so by a change of the path in their cells; then Google Drive isn't tried. Notebooks with the same first cell share an environment.
  --jobs N      notebooks at a time (2)
  --keep        don't remove the temporary folder
"""
import argparse, json, os, re, resource, shutil, signal, subprocess, sys, tempfile, time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from lend import lend, link, needs, site_of

root = Path(__file__).resolve().parent.parent
repo = 'https://github.com/picnet-nb/picnet_nb'
sacred = 'torch', 'torchvision', 'numpy'        # a changed one would cost the reader minutes, or the GPU
# what a reader would change before running all: the run lives on Google Drive
settings = {'own_pictures': [("folder   = tmp/'flowers' ", "folder   = Path('/content/drive/MyDrive/picnet_nb/flowers') "), ("on_drive = False ", "on_drive = True ")]}

stub = {
'__init__.py': '"""A stand-in for what Colab has of its own; it does as little as can be seen from a notebook."""\nfrom . import drive, files, output, userdata\n',
'drive.py': 'import os\ndef mount(mountpoint, force_remount=False, **kw): os.makedirs(mountpoint + "/MyDrive", exist_ok=True); print(f"Mounted at {mountpoint}")\ndef flush_and_unmount(): pass\n',
'files.py': 'import os\ndef download(filename): os.stat(filename); print(f"(the browser downloads {os.path.basename(filename)})")\ndef upload(): return {}\n',
'output.py': 'def enable_custom_widget_manager(): pass\ndef disable_custom_widget_manager(): pass\ndef clear(*a, **kw): pass\n',
'userdata.py': 'class SecretNotFoundError(Exception): pass\ndef get(key): raise SecretNotFoundError(f"there is no secret {key}")\n'}

def run(command, **kw):
    "Run a command; what it said if it fails."
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **kw)
    if done.returncode: sys.exit(f'{command} failed:\n{done.stdout[-3000:]}')
    return done.stdout

def base_env(env):
    "What Colab has, and nothing else."
    lines = [l.split('#')[0].strip() for l in (root/'.ci'/'colab-packages.txt').read_text().splitlines()]
    pins, names = [[o for o in lines if o and ('==' in o) == pinned] for pinned in (True, False)]
    run([sys.executable, '-m', 'venv', env])
    run([env/'bin'/'python', '-m', 'pip', 'install', '-q', '--no-deps', *pins])
    site, here = site_of(env), []
    for o in names:
        try: distribution(o); here.append(Requirement(o))
        except PackageNotFoundError: print(f'- {o} is not in this environment, so the stand-in for Colab lacks it too')
    here += [r for d in distributions(path=[str(site)]) for r in needs(d)]      # what the old ones require
    lent = lend(site, here, hard=True, but={canonicalize_name(o.split('==')[0]) for o in pins})
    for name, text in stub.items():
        (site/'google'/'colab').mkdir(parents=True, exist_ok=True)
        (site/'google'/'colab'/name).write_text(text)
    print(f'- a Colab of {len(lent) + len(pins)} packages: torch {lent["torch"].version}, numpy {lent["numpy"].version}, {pins[0].replace("==", " ")}')

def copy_env(base, env):
    shutil.copytree(base, env, symlinks=True, copy_function=link)
    for o in (env/'bin').glob('pip*'):          # they name the python of `base`
        o.unlink(); o.write_text(f'#!/bin/sh\nexec "{env}/bin/python" -m pip "$@"\n'); o.chmod(0o755)

def versions(env): return dict(l.split('==', 1) for l in run([env/'bin'/'python', '-m', 'pip', 'list', '--format=freeze', '--disable-pip-version-check']).split())

def install_line(nb):
    "The shell line of the first cell that asks whether this is Colab."
    found = [l for c in nb['cells'] if c['cell_type'] == 'code' for l in ''.join(c['source']).splitlines() if l.startswith('!') and '/content' in l]
    return found[0].lstrip('! ') if found else ''

def shell_env(tmp, env):
    "The environment of a kernel and its shell lines."
    home = tmp/'home'
    (home/'ipython'/'profile_default'/'startup').mkdir(parents=True, exist_ok=True)
    (home/'ipython'/'profile_default'/'startup'/'colab.py').write_text('import google.colab\n')      # as there, before the first cell
    keep = {k: v for k, v in os.environ.items() if not k.startswith(('PYTHON', 'VIRTUAL_ENV', 'JUPYTER', 'IPYTHON', 'MPL', 'HF_'))}
    cache = run([sys.executable, '-m', 'pip', 'cache', 'dir']).strip()
    return {**keep, 'PATH': f'{env}/bin:{os.environ["PATH"]}', 'HOME': str(home), 'IPYTHONDIR': str(home/'ipython'), 'JUPYTER_PATH': str(tmp/'jupyter'),
            'PIP_CACHE_DIR': cache, 'PIP_DISABLE_PIP_VERSION_CHECK': '1', 'PIP_ROOT_USER_ACTION': 'ignore', 'PYTHONNOUSERSITE': '1', 'GIT_CONFIG_COUNT': '2',
            'GIT_CONFIG_KEY_0': f'url.{root.as_uri()}.insteadOf', 'GIT_CONFIG_VALUE_0': repo, 'GIT_CONFIG_KEY_1': 'safe.directory', 'GIT_CONFIG_VALUE_1': '*'}

def execute(file, kernel, cwd, limit=1800):
    "All cells and the solutions of the exercises, in a kernel of that name; in a process of its own. Says what went wrong."
    import nbformat
    from solutions import add_solutions, wrong
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    nb = nbformat.read(file, 4)
    _, checks = add_solutions(nb)
    try: NotebookClient(nb, timeout=limit, kernel_name=kernel, resources={'metadata': {'path': cwd}}).execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as e: sys.exit(re.sub(r'\x1b\[[0-9;]*m', '', str(e))[-3000:])
    errors = [''.join(o['text']).strip() for c in nb.cells[:4] for o in c.get('outputs', []) if o.output_type == 'stream' and 'ERROR' in ''.join(o['text'])]
    if errors: sys.exit(f'the first cell could not install: {errors[0][-2000:]}')
    if faults := wrong(checks): sys.exit(f'no solution answers this exercise:\n{faults[0]}')
    print(f'{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss/2**20:.1f}')     # GiB

def one(file, kernel, content, environ):
    "Run a notebook; (name, seconds, GiB, error)."
    cwd, start = content/file.stem, time.time()
    cwd.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, __file__, '--execute', file, kernel, cwd], env={**environ, 'PATH': os.environ['PATH']},
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    seconds, name = time.time() - start, file.stem
    print(f'- {"ok  " if not done.returncode else "FAIL"} {seconds:4.0f} s  {name}' + (f', {done.stdout.split()[-1]} GiB of memory' if not done.returncode else ''), flush=True)
    if done.returncode: print((done.stdout + done.stderr)[-800:], flush=True)
    return name, seconds, done.returncode and (done.stdout + done.stderr)[-3500:]

def prepare(tmp, i, line, before):
    "The i-th environment and its kernel, with what a first cell installs; (variables of the environment, faults)."
    env, at, scratch, spec = tmp/f'env{i}', time.time(), tmp/f'scratch{i}', tmp/'jupyter'/'kernels'/f'colab{i}'
    copy_env(tmp/'base', env)
    environ = shell_env(tmp, env)
    scratch.mkdir()
    if line: run(['bash', '-c', line], env=environ, cwd=scratch)
    after = versions(env)
    changed = {k: (v, after.get(k)) for k, v in before.items() if after.get(k) != v}
    print(f'- {time.time() - at:.0f} s to install {", ".join(sorted(set(after) - set(before))) or "nothing"}' + (f'; changed: {changed}' if changed else ''), flush=True)
    spec.mkdir(parents=True)
    (spec/'kernel.json').write_text(json.dumps(dict(argv=[f'{env}/bin/python', '-m', 'ipykernel_launcher', '-f', '{connection_file}'],
                                    display_name=spec.name, language='python', env=dict(PATH=environ['PATH']))))
    return environ, [f'{line} changes {k} from {changed[k][0]} to {changed[k][1]}' for k in sacred if k in changed]

def main(names, jobs, tmp, content):
    start, files = time.time(), [root/'nbs'/f'{Path(o).stem}.ipynb' for o in names] or sorted((root/'nbs').glob('[!_.]*.ipynb'))
    base_env(tmp/'base')
    before, groups, faults = versions(tmp/'base'), {}, []
    for f in files:
        text = f.read_text(encoding='utf-8')
        if str(content) == '/content':
            for a, b in settings.get(f.stem, []):
                if a not in text: sys.exit(f'{f.name} has no {a!r} any more: mend `settings` in {Path(__file__).name}')
                text = text.replace(a, b)
        else: text = text.replace('/content', str(content))
        nb = json.loads(text)
        file, line = tmp/'notebooks'/f.name, install_line(nb)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding='utf-8')
        faults += [f'{f.name}, cell {i} is marked eval: false, but Colab runs it: put what is long or needs more behind a flag, `if online:`'
                   for i, c in enumerate(nb['cells']) if re.search(r'^#\|\s*eval:\s*false', ''.join(c['source']), re.M) and '/content' not in ''.join(c['source'])]
        if not line: faults.append(f'{f.name} has no cell that installs the package on Colab')
        groups.setdefault(line, []).append(file)
    with ThreadPoolExecutor(jobs) as pool: ready = [*pool.map(lambda o: prepare(tmp, *o, before), enumerate(groups))]
    faults += [o for _, wrong in ready for o in wrong]
    todo = [(f, f'colab{i}', content, environ) for i, ((environ, _), members) in enumerate(zip(ready, groups.values())) for f in members]
    todo.sort(key=lambda o: -o[0].stat().st_size)       # long ones tend to be large: they begin first
    with ThreadPoolExecutor(jobs) as pool: done = [*pool.map(lambda o: one(*o), todo)]
    for env in tmp.glob('env*'):
        now = versions(env)
        faults += [f'a notebook has changed {k}' for k in sacred if now.get(k) != before[k]]
    print(f'- {len(done)} notebooks, {sum(o[1] for o in done):.0f} s one after the other, {time.time() - start:.0f} s in all with {jobs} at a time')
    for name, _, error in done:
        if error: faults.append(f'{name}: {error}')
    print('\n'.join(faults))
    return 1 if faults else 0

if __name__ == '__main__':
    if sys.argv[1:2] == ['--execute']: sys.exit(execute(*sys.argv[2:]))
    p = argparse.ArgumentParser(usage=__doc__)
    p.add_argument('notebooks', nargs='*'); p.add_argument('--jobs', type=int, default=2); p.add_argument('--keep', action='store_true')
    a = p.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('stopped'))       # so that what was made is removed
    tmp, content = Path(tempfile.mkdtemp(prefix='picnet_colab.')), Path('/content')
    try: content.mkdir()
    except OSError as e:
        content = tmp/'content'; content.mkdir()
        print(f'- /content is not ours ({e.strerror}): {content.name}/ in a temporary folder plays its part')
    try: code = main(a.notebooks, a.jobs, tmp, content)
    finally:
        shutil.rmtree(content, ignore_errors=True)
        if not a.keep: shutil.rmtree(tmp, ignore_errors=True)
    sys.exit(code)
