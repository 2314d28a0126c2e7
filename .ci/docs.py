"""The site: every notebook a page, every module an API page, nothing executed. `python .ci/docs.py` builds _site/ and checks its links.

    python .ci/docs.py           build and check
    python .ci/docs.py --check   check what is there
    python .ci/docs.py --serve   show it at http://127.0.0.1:8000 and build again after each change

mkdocs calls the `on_...` functions: mkdocs.yml names this file as its hook. The package is read with `ast`, and imported only for the page that runs in the browser, try/.
Formulas are set by MathJax, which is copied from the package django-static-mathjax: no page asks anything of another machine.
"""
import ast, base64, html, io, json, logging, posixpath, re, sys, time, tokenize
from configparser import ConfigParser
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

root = Path(__file__).resolve().parent.parent
ini = ConfigParser(delimiters=['='])
ini.read(root/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']
site, github = root/'_site', f'{cfg["git_url"]}/blob/{cfg["branch"]}/'
base = cfg['doc_baseurl'].rstrip('/') + '/'

def text(x): return ''.join(x) if isinstance(x, list) else x

# --- notebooks
directive = re.compile(r'^\s*#\s*\|')
link = re.compile(r'''(?P<pre>\]\(|\b(?:src|href)=["'])(?P<to>[^)"'\s]+)''')
badge = re.compile(r'\[!\[Open in Colab\]\(\S+\)\]\(\S+\)')
ansi = re.compile(r'\x1b\[[0-9;?]*[a-zA-Z]')

def source(cell):
    "What a cell says, without its directives, and these."
    lines = text(cell['source']).strip('\n').splitlines()
    marks = {' '.join(re.sub(r'^\s*#\s*\|', '', l).split()) for l in lines if directive.match(l)}
    return '\n'.join(l for l in lines if not directive.match(l)).strip('\n'), marks

class Chapter:
    "A notebook as a page."
    def __init__(self, path):
        self.path, self.stem, self.pictures = path, path.stem, {}
        self.cells = json.loads(path.read_text(encoding='utf-8'))['cells']
        src = '\n'.join(text(c['source']) for c in self.cells)
        self.modules = list(dict.fromkeys(re.findall(r'^#\|\s*(?:default_exp|exports?)[ \t]+(\w+)', src, re.M)))
        self.number = self.stem.split('_')[0] if self.stem[0].isdigit() else ''
        self.title = next(re.finditer(r'^# (.+)', '\n'.join(text(c['source']) for c in self.cells if c['cell_type'] == 'markdown'), re.M))[1].strip()
        self.name = f'{self.number} {self.title}'.strip()

    def markdown(self):
        parts = [p for i, c in enumerate(self.cells) for p in self.parts(i, c)]
        if self.stem == 'index': return '---\nhide: [toc]\n---\n\n' + '\n\n'.join(parts)
        colab = f'https://colab.research.google.com/github/{cfg["user"]}/{cfg["repo"]}/blob/{cfg["branch"]}/nbs/{self.path.name}'
        links = [f'[Open in Colab]({colab})', f'[Notebook]({github}nbs/{self.path.name})']
        for m in self.modules: links += [f'[API of `{m}`](api/{m}.md)', f'[{m}.py]({github}picnet_nb/{m}.py)']
        bar = f'Code with a bar at its left is exported to `picnet_nb.{self.modules[0]}`.\n{{ .links }}' if self.modules else ''
        title, _, rest = parts[0].partition('\n\n')
        return '\n\n'.join([title, ' · '.join(links) + '\n{ .links }', bar, rest, *parts[1:]])

    def parts(self, i, cell):
        "The pieces of markdown that a cell becomes."
        code, marks = source(cell)
        if cell['cell_type'] == 'markdown': return [to_markdown(code)] if code else []
        if marks & {'hide', 'include: false'}: return []
        exported = ' .export' if any(m.startswith('export') for m in marks) else ''
        shown = [fence(code, '.python' + exported)] if code and 'echo: false' not in marks else []
        return shown + [p for j, o in enumerate(cell.get('outputs', [])) if 'output: false' not in marks for p in self.output(i, j, o, code)]

    def output(self, i, j, o, code=''):
        if o['output_type'] == 'stream': return plain(text(o['text']))
        data = o.get('data', {})
        for kind, end in [('image/png', 'png'), ('image/jpeg', 'jpg')]:
            if kind in data:
                name = f'pictures/{self.stem}_{i}_{j}.{end}'
                self.pictures[name] = base64.b64decode(text(data[kind]))
                return [f'![{in_words(code)}]({name}){{ .output loading=lazy }}']
        if 'text/markdown' in data: return [to_markdown(text(data['text/markdown']))]
        return plain(text(data.get('text/plain', '')))

def plain(s):
    "Printed text: of a line that was written over, what was left at last."
    s = '\n'.join(l.rstrip('\r').rsplit('\r', 1)[-1] for l in ansi.sub('', s).splitlines()).strip('\n')
    return [fence(s, '.text .output .no-copy')] if s.strip() else []

def fence(s, what): n = max([2, *map(len, re.findall('`{3,}', s))]) + 1; return f'{"`"*n} {{ {what} }}\n{s}\n{"`"*n}'

def in_words(code):
    "What a picture says about itself, for people who can't see it: titles, axes and labels, as the code that draws them has them."
    try: tree = ast.parse(re.sub(r'^\s*[!%].*', '', code, flags=re.M))
    except SyntaxError: return 'What the code above shows'
    found, named = {}, {'title', 'titles', 'rows', 'label', 'xlabel', 'ylabel'}
    def strings(e):
        if isinstance(e, ast.JoinedStr) or isinstance(e, ast.Constant) and isinstance(e.value, str): yield words(e)
        elif not isinstance(e, (ast.Call, ast.Subscript)):
            for o in ast.iter_child_nodes(e): yield from strings(o)
    for o in ast.walk(tree):
        if not isinstance(o, ast.Call): continue
        name = getattr(o.func, 'attr', getattr(o.func, 'id', ''))
        said = [k.value for k in o.keywords if k.arg in named] + (o.args if name.startswith(('show', 'set_title')) else [])
        for t in (t for e in said for t in strings(e)): found[' '.join(re.sub(r'[*`$\\{}\[\]<>"|]', '', t).split())] = 1
    said = '; '.join(o for o in found if re.search(r'\w', o))
    return 'What the code above shows' + (': ' + (said if len(said) < 200 else said[:200].rsplit(' ', 1)[0] + ' …') if said else '')

def words(e):
    "The text of an expression, with … for what varies."
    if isinstance(e, ast.Constant): return str(e.value)
    if isinstance(e, ast.JoinedStr): return ''.join(map(words, e.values))
    return words(e.left) + words(e.right) if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Add) else '…'

def slug(s): return re.sub(r'[-\s]+', '-', re.sub(r'[^\w\s-]', '', s).strip().lower())

def to_markdown(src):
    "GitHub's markdown as mkdocs wants it: links to the site's pages, and an empty line before lists and tables."
    if badge.fullmatch(src): return ''       # the page has a link of its own
    src = src.replace('<details>', '<details markdown="1">')   # solutions hold code, tables and formulas
    out, code, math = [], False, False
    for l in src.splitlines():
        if re.match(r'\s*(```|~~~)', l): code = not code
        inside = code or math
        if not code and l.count('$$') % 2: math = not math
        if not inside:
            item, prev = r'\s*([-*+]|\d+[.)])\s', out[-1] if out else ''
            if re.match(item, l) and not l[0].isspace() and prev.strip() and not prev[0].isspace() and not re.match(item, prev): out.append('')
            if l.startswith('|') and prev.strip() and not prev.startswith('|'): out.append('')
            l = re.sub(r'^( {2,3})(?=\S)', '    ', l) if re.match(r' {2,3}([-*+]|\d+[.)])\s', l) else l
        out.append(l if code else link.sub(to_page, l))
    return '\n'.join(out)

def to_page(m):
    "A link that starts from nbs/, as one of the site: notebooks are pages, files outside of nbs/ are on GitHub."
    to = m['to']
    if re.match(r'[a-z][a-z+.-]*:', to, re.I): return m[0]
    path, tag = urldefrag(to)
    if path.startswith('../'): path = github + posixpath.normpath(posixpath.join('nbs', path))
    elif path.endswith('.ipynb'): path = path.removesuffix('.ipynb') + '.md'
    return m['pre'] + path + (f'#{slug(unquote(tag))}' if tag else '')

def chapters():
    "All notebooks, in the order of the table in index.ipynb, which must name each."
    index = Chapter(root/'nbs/index.ipynb')
    named = list(dict.fromkeys(re.findall(r'^\| \[[^]]*\]\((\w+)\.ipynb\)', '\n'.join(text(c['source']) for c in index.cells), re.M)))
    if {*named} ^ (there := {p.stem for p in (root/'nbs').glob('[!_.]*.ipynb')} - {'index'}):
        raise SystemExit(f'notebooks that are only in nbs/, or only in the table of index.ipynb: {", ".join(sorted({*named} ^ there))}')
    return [index, *(Chapter(root/'nbs'/f'{o}.ipynb') for o in named)]

# --- the package
class Module:
    "A module of the package: its public names, as its source says them."
    def __init__(self, path, chapter):
        self.path, self.name, self.chapter = path, path.stem, chapter
        self.src = path.read_text(encoding='utf-8')
        self.tree = ast.parse(self.src)
        self.doc = ast.get_docstring(self.tree) or ''
        tokens = tokenize.generate_tokens(io.StringIO(self.src).readline)
        self.comments = {t.start[0]: re.sub(r'^#\s*', '', t.string) for t in tokens if t.type == tokenize.COMMENT}
        self.defs, self.all = {}, []
        for o in self.tree.body:
            if isinstance(o, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)): self.defs[o.name] = o
            if isinstance(o, (ast.Assign, ast.AnnAssign)):
                for t in o.targets if isinstance(o, ast.Assign) else [o.target]:
                    for n in ast.walk(t):
                        if isinstance(n, ast.Name): self.defs.setdefault(n.id, o)
                    if isinstance(t, ast.Name) and t.id == '__all__': self.all = ast.literal_eval(o.value)

    def code(self, node): return ast.unparse(node) if node is not None else ''

    def args(self, f, method=False):
        "Name, type, default and comment of each parameter; a comment belongs to the only parameter of its line."
        a, end = f.args, self.head_end(f)
        pos = a.posonlyargs + a.args
        found = [('', o, d) for o, d in zip(pos, [None]*(len(pos) - len(a.defaults)) + a.defaults)]
        if method: found = found[1:]
        found += [('*', a.vararg, None), *(('', o, d) for o, d in zip(a.kwonlyargs, a.kw_defaults)), ('**', a.kwarg, None)]
        found = [(star, o, d, (d or o).end_lineno) for star, o, d in found if o]
        alone = lambda line: line < end and [o[3] for o in found].count(line) == 1
        return [(star + o.arg, self.code(o.annotation), self.code(d), self.comments.get(l, '') if alone(l) else '') for star, o, d, l in found]

    def head_end(self, f):
        "The last line of a def's head: the one with the colon."
        first = f.body[0]
        last = first.lineno if first.lineno == f.lineno else first.lineno - 1
        while last > f.lineno and not self.src.splitlines()[last - 1].split('#')[0].rstrip().endswith(':'): last -= 1
        return last

    def raises(self, f):
        "Each error that it raises itself, with its sentence."
        calls = [o.exc for o in ast.walk(f) if isinstance(o, ast.Raise) and isinstance(o.exc, ast.Call) and o.exc.args]
        return list(dict.fromkeys((self.code(o.func), words(o.args[0])) for o in calls if words(o.args[0]).strip(' …')))

    def signature(self, name, rows, ret=''):
        args = [n + (f': {t}' if t else '') + ((f' = {d}' if t else f'={d}') if d else '') for n, t, d, _ in rows]
        one = f'{name}({", ".join(args)})' + (f' -> {ret}' if ret else '')
        if len(one) <= 84: return one
        return f'{name}(\n' + ''.join(f'    {o},\n' for o in args) + ')' + (f' -> {ret}' if ret else '')

    def function(self, f, name, level, method=False):
        rows, ret, end = self.args(f, method), self.code(f.returns), self.head_end(f)
        said = self.comments.get(end, '')
        kinds = {self.code(d) for d in f.decorator_list}
        prop = 'property' in kinds or 'cached_property' in kinds
        sig = name if prop else self.signature(name, rows, ret)
        yield heading(level, name)
        yield fence(sig, '.python .no-copy')
        yield prose(ast.get_docstring(f))
        if any(r[3] for r in rows) or (ret and said and end > f.lineno): yield table(rows, (ret, said) if ret or said else None)
        elif said: yield f'{prose(said)}.' if said[-1:] not in '.?!' else prose(said)
        yield self.foot(f, level, f)

    def foot(self, o, level, f=None):
        "The errors of a function, and where its definition is."
        lines = f'{o.lineno}-L{o.end_lineno}' if o.end_lineno != o.lineno else o.lineno
        out = f'[Source]({github}picnet_nb/{self.path.name}#L{lines})'
        if level == 2: out += f' · [{self.chapter.name}](../{self.chapter.stem}.md)'
        said = '\n'.join(f'- `{kind}`: {prose(s)}' for kind, s in self.raises(f)) if f else ''
        return (f'Raises\n{{ .raises }}\n\n{said}\n\n' if said else '') + f'{out}\n{{ .links }}'

    def klass(self, c):
        init = next((o for o in c.body if isinstance(o, ast.FunctionDef) and o.name == '__init__'), None)
        fields = [o for o in c.body if isinstance(o, ast.AnnAssign) and isinstance(o.target, ast.Name) and not o.target.id.startswith('_')]
        if init: rows = self.args(init, True)
        else: rows = [(o.target.id, self.code(o.annotation), self.code(o.value), self.comments.get(o.end_lineno, '')) for o in fields]
        bases = ', '.join(self.code(b) for b in c.bases)
        yield heading(2, c.name)
        yield fence('class ' + (self.signature(c.name, rows) if init or fields else c.name + (f'({bases})' if bases else '')), '.python .no-copy')
        yield prose(ast.get_docstring(c) or (ast.get_docstring(init) if init else ''))
        if bases and (init or fields): yield f'A `{bases}`.'
        if any(r[3] for r in rows): yield table(rows, None)
        yield self.foot(c, 2, init)
        for o in c.body:
            if isinstance(o, ast.FunctionDef) and (not o.name.startswith('_') or o.name == '__call__') and ast.get_docstring(o):
                yield from self.function(o, f'{c.name}.{o.name}', 3, True)

    def constant(self, o, name):
        yield heading(2, name)
        yield fence(ast.get_source_segment(self.src, o)[:1500], '.python .no-copy')
        if said := self.comments.get(o.end_lineno): yield prose(said[0].upper() + said[1:])
        yield self.foot(o, 2)

    def summary(self, name):
        o = self.defs.get(name)
        if isinstance(o, (ast.Assign, ast.AnnAssign)): return self.comments.get(o.end_lineno, '')
        return (ast.get_docstring(o) or '').split('\n')[0] if o else ''

    def markdown(self):
        parts = [f'---\ntitle: picnet_nb.{self.name}\n---\n\n# picnet_nb.{self.name}', f'> {prose(self.doc)}' if self.doc else '']
        links = [f'[{self.chapter.name}](../{self.chapter.stem}.md)', f'[Source]({github}picnet_nb/{self.path.name})']
        parts += [' · '.join(links) + '\n{ .links }', '| Name | |\n| --- | --- |\n' + '\n'.join(
            f'| [`{n}`](#{n}) | {cell(prose(self.summary(n)))} |' for n in self.all)]
        for n in self.all:
            o = self.defs.get(n)
            if o is None: raise SystemExit(f'{self.path.name}: __all__ names {n}, which is not defined at the top')
            parts += self.klass(o) if isinstance(o, ast.ClassDef) else self.function(o, n, 2) if isinstance(o, ast.FunctionDef) else self.constant(o, n)
        return '\n\n'.join(p for p in parts if p)

def heading(level, name): return f'{"#"*level} {name.replace("_", chr(92) + "_")} {{ #{name.replace("__", "")} }}'
def prose(s): return re.sub(r'(`[^`]*`)|([<>_*\[\]$])', lambda m: m[1] or f'&#{ord(m[2])};', s or '')
def cell(s): return s.replace('|', '&#124;')
def code(s): return f'<code>{html.escape(s).replace("|", "&#124;").replace("*", "&#42;").replace("_", "&#95;").replace("[", "&#91;")}</code>' if s else ''

def table(rows, ret):
    kind = lambda t, d: f'{t} = {d}' if t and d else t or (f'= {d}' if d else '')
    lines = [f'| {code(n)} | {code(kind(t, d))} | {cell(prose(said))} |' for n, t, d, said in rows]
    if ret: lines.append(f'| *returns* | {code(ret[0])} | {cell(prose(ret[1]))} |')
    return '| Parameter | Type and default | |\n| --- | --- | --- |\n' + '\n'.join(lines)

def modules(chaps):
    by = {m: c for c in chaps for m in c.modules}
    found = [Module(p, by[p.stem]) for p in sorted((root/'picnet_nb').glob('[!_]*.py'))]
    return sorted((m for m in found if m.all), key=lambda m: m.chapter.stem)

def api_index(mods):
    rows = '\n'.join(f'| [picnet&#95;nb.{m.name}]({m.name}.md) | {cell(prose(m.doc))} | {len(m.all)} |' for m in mods)
    return f'# API\n\n> Every public name, its parameters and its source.\n\n| Module | | Names |\n| --- | --- | --- |\n{rows}\n\n' \
           'Pictures are tensors `(B, 3, H, W)` in [-1, 1], holes are `(B, 1, H, W)`, true, 1 or white where to fill. Every function with chance takes a seed or a generator.'

def from_top(name):
    "A markdown file of the top level as a page: its relative links are GitHub's."
    fix = lambda m: m[0] if re.match(r'[a-z][a-z+.-]*:|#', m['to'], re.I) else m['pre'] + github + m['to']
    return link.sub(fix, (root/name).read_text(encoding='utf-8'))

# --- what mkdocs calls
def on_config(config):
    chaps = chapters()
    config.site_url = cfg['doc_host'] + base
    config.site_description, config.copyright = cfg['description'], f'© {cfg["copyright"]}. Apache 2.0.'
    config.extra['social'] = [dict(icon='fontawesome/brands/github', link=cfg['git_url'], name='Source on GitHub')]
    config.nav = [{'Home': 'index.md'}, {'Try it': f'{cfg["doc_host"]}{base}try/'},
        {'Chapters': [{c.name: f'{c.stem}.md'} for c in chaps[1:]]},
        {'API': ['api/index.md', *[{m.name: f'api/{m.name}.md'} for m in modules(chaps)]]},
        {'Project': [{n.capitalize(): f'{n}.md'} for n in tops()] + [{'GitHub': cfg['git_url']}]}]
    return config

def tops(): return [n for n in ('changelog', 'contributing', 'security') if (root/f'{n.upper()}.md').exists()]

def on_files(files, config):
    from mkdocs.structure.files import File, Files
    kept = Files([f for f in files if f.src_dir != config.docs_dir or f.src_uri.startswith('images/') and not f.is_documentation_page()])
    add = lambda name, content: kept.append(File.generated(config, name, content=content))
    chaps = chapters()
    for c in chaps:
        add(f'{c.stem}.md', c.markdown())
        for name, data in c.pictures.items(): add(name, data)
    mods = modules(chaps)
    add('api/index.md', api_index(mods))
    for m in mods: add(f'api/{m.name}.md', m.markdown())
    for n in tops(): add(f'{n}.md', from_top(f'{n.upper()}.md'))
    add('mathjax.js', Path(mathjax()).read_text(encoding='utf-8'))
    for o in ('site.css', 'site.js'): add(o, (root/'.ci'/o).read_text(encoding='utf-8'))
    add('images/icon.svg', icon)
    return kept

icon = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="4" fill="#009688"/><rect x="7" y="7" width="10" height="10" rx="2" fill="#fff"/></svg>'

def on_page_content(content, page, config, files):
    return re.sub(r'<table>(.*?)</table>', r'<div class="wide"><table>\1</table></div>', content, flags=re.S)

def mathjax():
    "MathJax in one file, which needs no fonts; the package is named for Django but is only a folder of files."
    try: return next(p.locate() for p in files('django-static-mathjax') if p.as_posix().endswith('es5/tex-svg.js'))
    except (PackageNotFoundError, StopIteration): raise SystemExit("the formulas need MathJax: pip install -e '.[docs]'") from None

# --- links
class Page(HTMLParser):
    "The ids of a page, and what it links to or loads."
    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), []
        self.feed(path.read_text(encoding='utf-8'))
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a.get('id'), a.get('name')}
        to = a.get('href') or a.get('src')
        if to and a.get('rel') != 'canonical': self.links.append((to, tag not in ('a', 'area')))

def check():
    "Every local link and anchor leads somewhere, and nothing is loaded from another machine."
    pages, faults, n = {p: Page(p) for p in site.rglob('*.html')}, [], 0
    for p, page in pages.items():
        for to, loaded in page.links:
            u, where = urlsplit(to.replace(cfg['doc_host'] + base, base, 1)), p.relative_to(site)      # our own address is here, too
            if u.scheme or u.netloc:
                if loaded and u.scheme != 'data': faults.append(f'{where} loads {to} from another machine')
                continue
            n, path = n + 1, unquote(u.path)
            target = (site/path.removeprefix(base) if path.startswith(base) else p.parent/path if path else p).resolve()
            if target.is_dir(): target = target/'index.html'
            if not target.is_file(): faults.append(f'{where}: {to} leads nowhere')
            elif u.fragment and target in pages and unquote(u.fragment) not in pages[target].ids: faults.append(f'{where}: {to}: no such place on that page')
    size = sum(f.stat().st_size for f in site.rglob('*') if f.is_file())
    print(f'- {len(pages)} pages, {size/1e6:.1f} MB, {n} local links and files')
    if len(pages) < 10: faults.append(f'only {len(pages)} pages in {site.name}/')
    print('\n'.join(faults))
    return 1 if faults else 0

def main(args):
    if args == ['--check']: return check()
    logging.basicConfig(level='WARNING', format='%(message)s')
    from mkdocs.commands import build, serve
    from mkdocs.config import load_config
    if args == ['--serve']: return serve.serve(str(root/'mkdocs.yml'), watch=[str(root/'picnet_nb'), str(root/'.ci')])
    start = time.time()
    config = load_config(str(root/'mkdocs.yml'), strict=True)
    config.plugins.on_startup(command='build', dirty=False)
    build.build(config)
    from picnet_nb.export import build_page
    from picnet_nb.hub import load
    build_page(site/'try', load(device='cpu'))      # the page that needs no Python
    print(f'- built in {time.time() - start:.1f} s')
    return check()

if __name__ == '__main__':
    if sys.argv[1:] not in ([], ['--check'], ['--serve']): sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
