"""Looks at files without running them: `look.py source` in a clone, `look.py wheel FILE.whl FILE.tar.gz` at what was built.

`look.py stamp nbs/X.ipynb nbs/images/Y.png ...`, right after these were made anew, notes in them which bundled weights made them."""
import ast, hashlib, json, re, statistics, subprocess, sys, tarfile, zipfile
from configparser import ConfigParser
from pathlib import Path, PurePosixPath

max_notebook, max_weights, max_wheel = 700, 16_000, 40_000    # KB
max_words, max_chapter, max_paragraph, max_sentence = 28_000, 3500, 120, 40
max_lines, max_columns, max_options, most_cells, nine_of_ten, max_cell, min_tested = 3850, 120, 14, 10, 25, 60, .6
machine_path = re.compile(r'(?<![\w.~])/(?:work|root|home|Users)/|(?<![\w.~])/tmp/\w')
texts = {'.ipynb', '.py', '.md', '.ini', '.cfg', '.toml', '.yaml', '.yml', '.json', '.js', '.css', '.txt', '.in', ''}
pictures = {'.jpg', '.jpeg', '.png', '.webp', '.gif'}
root = Path(__file__).resolve().parent.parent
exported = re.compile(r'^#\|\s*export[is]?\b[ \t]*(\w*)', re.M)
hidden = re.compile(r'^#\|\s*(export|hide)', re.M)
tests = re.compile(r'\bassert\b|\b(test_\w+|ExceptionExpected|expect_fail|refused)\(')
paints = re.compile(r'\bbundled\(|(?<![\w.])(hub\.)?load\(|from_pretrained\(|picnet_complete|picnet_evaluate|\b(evaluate_main|main)\(|\bCompletionWidget\(')

def tracked(*globs):
    names = subprocess.run(['git', 'ls-files', '-z', *globs], cwd=root, check=True, capture_output=True, text=True).stdout
    return [o for o in names.split('\0') if o]

def kb(n): return f'{n/1000:,.0f} KB'

def strings(x):
    "All text of a notebook except pictures."
    if isinstance(x, dict): return [s for k, v in x.items() if not k.startswith('image/') for s in strings(v)]
    if isinstance(x, list): return [s for v in x for s in strings(v)]
    return [x] if isinstance(x, str) else []

def cells(nb): return [(c['cell_type'] == 'code', ''.join(c['source'])) for c in nb['cells']]

# --- the budget
def house():
    "The figures that CONTRIBUTING.md limits, and that each module imports only modules of earlier chapters."
    place, lengths, tested, lines, wide = {}, [], [], {}, []
    for name in tracked('nbs/*.ipynb'):
        nb = cells(json.loads((root/name).read_bytes()))
        module = next((m[1] for _, s in nb if (m := re.search(r'^#\|\s*default_exp\s+(\w+)', s, re.M))), None)
        for i, (code, s) in enumerate(nb):
            if not code or not (mark := exported.search(s)): continue
            place.setdefault(mark[1] or module, len(place))
            lengths.append(sum(bool(l.strip()) and not l.startswith('#|') for l in s.splitlines()))
            if lengths[-1] > max_cell: yield f'{name}, cell {i}: {lengths[-1]} lines are exported in one cell, more than {max_cell}'
            if any(isinstance(o, (ast.FunctionDef, ast.ClassDef)) for o in ast.parse(s).body):
                tested.append(any(c and tests.search(t) and not hidden.search(t) for c, t in nb[i + 1:i + 4]))
    table = dict(re.findall(r'^\|.*?\| `(\w+)` \|.*\|(.*)\|$', '\n'.join(s for _, s in cells(json.loads((root/'nbs/index.ipynb').read_bytes()))), re.M))
    for f in sorted((root/'picnet_nb').glob('*.py')):
        if f.stem == '_modidx': continue
        src = f.read_text(encoding='utf-8').splitlines()
        lines[f.stem], tree = sum(not re.match(r'\s*(#|$)', l) for l in src), ast.parse('\n'.join(src))
        wide += [f'{f.name}:{i} has {len(l)} columns' for i, l in enumerate(src, 1) if len(l) > max_columns and '__all__' not in l]
        imports = {*imported(tree)} & {*place}
        if f.stem not in (*place, '__init__'): yield f'{f.name} is exported by no notebook'
        if f.stem in place and {*re.findall(r'`(\w+)`', table.get(f.stem, ''))} != imports:
            yield f'the table of index.ipynb should say that {f.stem} imports {" ".join(f"`{o}`" for o in sorted(imports, key=place.get))}'
        for o in sorted(imports):
            if place[o] >= place.get(f.stem, 0): yield f'{f.name} imports {o}, which is no earlier chapter'
        if f.stem == 'train':
            config = next((o.body for o in tree.body if isinstance(o, ast.ClassDef) and o.name == 'TrainConfig'), [])
            yield from limit('fields of TrainConfig', sum(isinstance(o, ast.AnnAssign) for o in config), max_options)
    yield from wide[:20] + [f'... {len(wide)} lines with more than {max_columns} columns'][:len(wide) > 20]
    yield from limit(f'lines of code in {len(lines)} modules', sum(lines.values()), max_lines)
    yield from limit(f'lines is the median of {len(lengths)} exported cells', statistics.median_high(lengths), most_cells)
    yield from limit('lines have nine of ten exported cells at most', sorted(lengths)[-(-9*len(lengths)//10) - 1], nine_of_ten)
    yield from limit(f'% of {len(tested)} definitions lack a test within three cells', 100 - 100*sum(tested)//len(tested), 100 - 100*min_tested)

def no_display(text): return re.sub(r'\$\$.*?\$\$|^```.*?^```', '\n\n', text, flags=re.S | re.M)

def prose(text):
    "Paragraphs and items of lists, without tables and tags; inline code and formulas are words."
    text = re.sub(r'`[^`\n]+`|\$[^$\n]+\$|!?\[([^\]\n]*)\]\([^)\n]*\)', lambda m: m[1] or 'x', re.sub(r'<[^>\n]+>', '', text))
    parts = re.split(r'\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)', text)
    return [o for o in map(str.strip, parts) if o and not o.startswith(('|', '#', '['))]

def book():
    "The words of the numbered chapters, but display formulas and code blocks, and paragraphs and sentences that are too long, in all notebooks."
    words = {}
    for name in tracked('nbs/*.ipynb'):
        texts = {i: no_display(s) for i, (code, s) in enumerate(cells(json.loads((root/name).read_bytes()))) if not code}
        words[Path(name).name] = sum(len(s.split()) for s in texts.values())
        for i, p in ((i, p) for i, s in texts.items() for p in prose(s)):
            if len(p.split()) > max_paragraph: yield f'{name}, cell {i}: a paragraph of {len(p.split())} words: {p[:60]}'
            for o in re.split(r'(?<=[.?!])["*)]*\s+(?=[^a-z])', p):
                if len(o.split()) > max_sentence: yield f'{name}, cell {i}: a sentence of {len(o.split())} words: {o[:60]}'
    numbered = {k: n for k, n in words.items() if k[0].isdigit()}
    for k, n in numbered.items():
        if n > max_chapter: yield f'{k} has {n:,} words, more than {max_chapter:,}'
    yield from limit(f'words in {len(numbered)} chapters', sum(numbered.values()), max_words)

def limit(what, n, most):
    print(f'- {n:,} {what} (limit {most:,.0f})')
    if n > most: yield f'{n:,} {what}, more than {most:,.0f}'

def imported(tree):
    "Modules of the package that a module imports, in functions too."
    for o in ast.walk(tree):
        if isinstance(o, ast.ImportFrom):
            path = [*('picnet_nb' if o.level else '').split(), *(o.module or '').split('.')]
            if path[0] == 'picnet_nb': yield from [p for p in path[1:2] if p] or [a.name for a in o.names]
        if isinstance(o, ast.Import): yield from (a.name.split('.')[1] for a in o.names if a.name.startswith('picnet_nb.'))

# --- outputs of the bundled weights say of which
credits = 'nbs/images/CREDITS.md'

def digest(): return hashlib.sha256((root/'picnet_nb/weights/flowers128.safetensors').read_bytes()).hexdigest()[:12]

def painted(nb): return any(code and paints.search(s) for code, s in cells(nb)) and any(c.get('outputs') for c in nb['cells'])

def stale():
    "Notebooks and pictures that other weights than those of the package have made."
    now, said = digest(), (root/credits).read_text(encoding='utf-8')
    for name in tracked('nbs/*.ipynb', 'nbs/images/*.png', 'nbs/images/*.gif'):
        if not name.endswith('.ipynb'): was = (re.search(rf'`{Path(name).name}`.*\| (\w+) \|', said) or ['', 'none'])[1]
        else: nb = json.loads((root/name).read_bytes()); was = nb['metadata'].get('weights') if painted(nb) else now
        if was != now: yield f'{name} is from the weights {was}, not {now}: make it again, then python .ci/look.py stamp {name}'

def stamp(*names):
    for name in names:
        f, now = Path(name), digest()
        if f.suffix == '.ipynb':
            nb = json.loads(f.read_bytes())
            if not painted(nb): continue
            nb['metadata']['weights'] = now
            f.write_text(json.dumps(nb, sort_keys=True, indent=1, ensure_ascii=False) + '\n', encoding='utf-8', newline='\n')     # as nbdev writes it
        else: (root/credits).write_text(re.sub(rf'(`{f.name}`.*\| )\w+( \|)', rf'\g<1>{now}\2', (root/credits).read_text(encoding='utf-8')), encoding='utf-8', newline='\n')
    return []

# --- a clone
def notebook_faults(name, data):
    nb = json.loads(data)
    if len(data) > max_notebook*1000: yield f'{name} has {kb(len(data))}, more than {kb(max_notebook*1000)}: make its pictures smaller'
    if not any('IN_TEST' in s for _, s in cells(nb)): yield f'{name} does not ask for one thread in nbdev_test: copy the cell with IN_TEST from another one'
    for i, c in enumerate(nb['cells']):
        for o in c.get('outputs', []):
            if o['output_type'] == 'error': yield f'{name}, cell {i}: keeps an error, {o.get("ename")}: {o.get("evalue", "").splitlines()[:1]}'

def text_faults(name, data):
    for s in strings(json.loads(data)) if name.endswith('.ipynb') else [data.decode('utf-8')]:
        yield from (f'{name}: path of one machine: {l.strip()[:160]}' for l in s.splitlines() if machine_path.search(l))

def source():
    flakes = subprocess.run([sys.executable, '-m', 'pyflakes', *tracked('*.py')], cwd=root, capture_output=True, text=True)
    faults, sizes = [*(flakes.stdout + flakes.stderr).splitlines(), *house(), *book(), *stale()], {}
    faults += credit_faults('clone', tracked(), lambda o: (root/o).read_text(encoding='utf-8'))
    for name in tracked():
        data = (root/name).read_bytes()
        if name.endswith('.ipynb'): sizes[name] = len(data); faults += notebook_faults(name, data)
        if Path(name).suffix in texts and not name.startswith('.ci/'): faults += text_faults(name, data)
    largest = max(sizes, key=sizes.get)
    print(f'- {len(sizes)} notebooks, {kb(sum(sizes.values()))}; the largest is {largest} with {kb(sizes[largest])}')
    return faults

# --- what was built
def credit_faults(where, names, read):
    "Every picture is credited, and every file of weights has a card with its license, in the text beside it."
    text = lambda f: read(f) if f in names else ''
    for o in map(PurePosixPath, names):
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
    package = tracked('picnet_nb')
    weights = {k: v for k, v in inside.items() if k.startswith('picnet_nb/weights/') and not k.endswith('.md')}
    for f in (whl, sdist): print(f'- {Path(f).name}: {kb(Path(f).stat().st_size)}')
    for k, v in weights.items(): print(f'- {k}: {kb(v)}')
    return faults + [f'the wheel lacks {o}' for o in package if o not in inside] \
        + [f'the wheel has {o}, which is not in git' for o in inside if o.startswith('picnet_nb/') and o not in package] \
        + [f'the wheel has {o}, which is no part of the package' for o in inside if not o.startswith(('picnet_nb/', 'picnet_nb-'))] \
        + [f'the sdist lacks {o}' for o in [*package, 'settings.ini', 'setup.py', 'README.md', 'LICENSE', 'CHANGELOG.md', 'CITATION.cff'] if o not in members] \
        + ([] if weights else ['the wheel has no weights']) \
        + [f'{k} has {kb(v)}, more than {kb(max_weights*1000)}' for k, v in weights.items() if v > max_weights*1000] \
        + [f'{Path(whl).name} has more than {kb(max_wheel*1000)}' for _ in [0] if Path(whl).stat().st_size > max_wheel*1000]

if __name__ == '__main__':
    what, *args = sys.argv[1:]
    faults = dict(source=source, wheel=wheel, stamp=stamp)[what](*args)
    print('\n'.join(faults))
    sys.exit(1 if faults else 0)
