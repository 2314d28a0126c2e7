"""Looks at files without running them: `look.py source` in a clone, `look.py wheel FILE.whl FILE.tar.gz` at what was built."""
import json, re, subprocess, sys, tarfile, zipfile
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

max_notebook, max_weights, max_wheel = 700, 16_000, 40_000    # KB
machine_path = re.compile(r'(?<![\w.~])/(?:work|root|home|Users)/|(?<![\w.~])/tmp/\w')
texts = {'.ipynb', '.py', '.md', '.ini', '.cfg', '.toml', '.yaml', '.yml', '.json', '.js', '.css', '.txt', '.in', ''}
pictures = {'.jpg', '.jpeg', '.png', '.webp', '.gif'}
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

def credit_faults(where, names, read):
    "Every picture is credited, and every file of weights has a card with its license, in the text beside it."
    text = lambda f: read(f) if f in names else ''
    for o in map(PurePosixPath, names):
        if o.parts[0] != 'picnet_nb': continue
        if o.suffix in pictures and f'`{o.name}`' not in text(f'{o.parent}/CREDITS.md'): yield f'{where}: nobody is credited for {o} in the CREDITS.md beside it'
        if o.suffix == '.safetensors':
            card = text(f'{o.parent}/README.md')
            if o.stem not in card or '**License.**' not in card or '**Data.**' not in card: yield f'{where}: the README.md beside {o} does not say what it is, its data and its license'

def metadata_faults(names, read):
    "Commands, extras and the license that the wheel declares are those of settings.ini."
    ini = ConfigParser(delimiters=['='])
    ini.read(root/'settings.ini', encoding='utf-8')
    cfg, info = ini['DEFAULT'], {o.split('/', 1)[1]: o for o in names if '.dist-info/' in o}
    said, commands = read(info['METADATA']), read(info['entry_points.txt'])
    for o in cfg['console_scripts'].split():
        if ' = '.join(o.split('=')) not in commands: yield f'the wheel has no command {o}'
    for o in ['dev', *(k.removesuffix('_requirements') for k in cfg if k.endswith('_requirements'))]:
        if f'Provides-Extra: {o}\n' not in said: yield f'the wheel has no extra [{o}]'
    if 'License-Expression: Apache-2.0' not in said and 'License: Apache-2.0' not in said: yield 'the wheel does not say its license'
    if not any(o.endswith('LICENSE') for o in info): yield 'the wheel lacks the LICENSE'

def wheel(whl, sdist):
    with zipfile.ZipFile(whl) as z:
        inside, read = {o.filename: o.file_size for o in z.infolist()}, lambda o: z.read(o).decode('utf-8')
        faults = [*credit_faults('wheel', inside, read), *metadata_faults(inside, read)]
    with tarfile.open(sdist) as t:
        members = {o.name.split('/', 1)[-1]: o for o in t.getmembers() if o.isfile()}
        faults += credit_faults('sdist', members, lambda o: t.extractfile(members[o]).read().decode('utf-8'))
    sdist_files = set(members)
    package = tracked('picnet_nb')
    weights = {k: v for k, v in inside.items() if k.startswith('picnet_nb/weights/') and not k.endswith('.md')}
    for f in (whl, sdist): print(f'- {Path(f).name}: {kb(Path(f).stat().st_size)}')
    for k, v in weights.items(): print(f'- {k}: {kb(v)}')
    return faults + [f'the wheel lacks {o}' for o in package if o not in inside] \
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
