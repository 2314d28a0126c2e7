"""Looks at files without running them: `look.py source` in a clone, `look.py wheel FILE.whl FILE.tar.gz` at what was built."""
import json, re, subprocess, sys, tarfile, zipfile
from pathlib import Path

max_notebook, max_weights, max_wheel = 700, 16_000, 40_000    # KB
machine_path = re.compile(r'(?<![\w.~])/(?:work|root|home|Users)/|(?<![\w.~])/tmp/\w')
texts = {'.ipynb', '.py', '.md', '.ini', '.cfg', '.toml', '.yaml', '.yml', '.json', '.js', '.css', '.txt', '.in', ''}
root = Path(__file__).resolve().parent.parent
# what pyflakes says of names that do not exist or are defined twice; unused imports are no fault of an exported chapter
serious = re.compile(r'undefined name|redefinition of|syntax|referenced before assignment|duplicate argument')

def tracked(*globs):
    names = subprocess.run(['git', 'ls-files', '-z', *globs], cwd=root, check=True, capture_output=True, text=True).stdout
    return [o for o in names.split('\0') if o]

def kb(n): return f'{n/1000:,.0f} KB'

def strings(x, key=''):
    "All text of a notebook except pictures."
    if isinstance(x, dict): return [s for k, v in x.items() if not k.startswith('image/') for s in strings(v)]
    if isinstance(x, list): return [s for v in x for s in strings(v)]
    return [x] if isinstance(x, str) else []

def notebook_faults(name, data):
    nb = json.loads(data)
    if len(data) > max_notebook*1000: yield f'{name} has {kb(len(data))}, more than {kb(max_notebook*1000)}: make its pictures smaller'
    for i, c in enumerate(nb['cells']):
        for o in c.get('outputs', []):
            if o['output_type'] == 'error': yield f'{name}, cell {i}: keeps an error, {o.get("ename")}: {o.get("evalue", "").splitlines()[:1]}'

def text_faults(name, data):
    lines = strings(json.loads(data)) if name.endswith('.ipynb') else data.decode('utf-8').splitlines()
    for s in lines:
        for l in s.splitlines():
            if machine_path.search(l): yield f'{name}: path of one machine: {l.strip()[:160]}'

def flakes():
    try: import pyflakes
    except ImportError: print('- pyflakes is not here: names not checked'); return
    said = subprocess.run([sys.executable, '-m', 'pyflakes', *tracked('*.py')], cwd=root, capture_output=True, text=True)
    yield from (l for l in (said.stdout + said.stderr).splitlines() if serious.search(l))

def source():
    faults, sizes = [*flakes()], {}
    for name in tracked():
        data = (root/name).read_bytes()
        if name.endswith('.py'):
            try: compile(data, name, 'exec')
            except SyntaxError as e: faults.append(f'{name} does not compile: {e}')
        if name.endswith('.ipynb'): sizes[name] = len(data); faults += notebook_faults(name, data)
        if Path(name).suffix in texts and not name.startswith('.ci/'): faults += text_faults(name, data)
    if sizes: print(f'- {len(sizes)} notebooks, {kb(sum(sizes.values()))}; the largest is', *[f'{k} with {kb(v)}' for v, k in [max((v, k) for k, v in sizes.items())]])
    return faults

def wheel(whl, sdist):
    with zipfile.ZipFile(whl) as z: inside = {o.filename: o.file_size for o in z.infolist()}
    with tarfile.open(sdist) as t: sdist_files = {o.name.split('/', 1)[-1] for o in t.getmembers() if o.isfile()}
    package = tracked('picnet_nb')
    weights = {k: v for k, v in inside.items() if k.startswith('picnet_nb/weights/') and not k.endswith('.md')}
    for f in (whl, sdist): print(f'- {Path(f).name}: {kb(Path(f).stat().st_size)}')
    for k, v in weights.items(): print(f'- {k}: {kb(v)}')
    return [f'the wheel lacks {o}' for o in package if o not in inside] \
        + [f'the wheel has {o}, which is not in git' for o in inside if o.startswith('picnet_nb/') and o not in package] \
        + [f'the wheel has {o}, which is no part of the package' for o in inside if not o.startswith(('picnet_nb/', 'picnet_nb-'))] \
        + [f'the sdist lacks {o}' for o in [*package, 'settings.ini', 'setup.py', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CITATION.cff'] if o not in sdist_files] \
        + ([] if weights else ['the wheel has no weights']) \
        + [f'{k} has {kb(v)}, more than {kb(max_weights*1000)}' for k, v in weights.items() if v > max_weights*1000] \
        + [f'{Path(whl).name} has more than {kb(max_wheel*1000)}' for _ in [0] if Path(whl).stat().st_size > max_wheel*1000]

if __name__ == '__main__':
    what, *args = sys.argv[1:]
    faults = dict(source=source, wheel=wheel)[what](*args)
    print('\n'.join(faults))
    sys.exit(1 if faults else 0)
