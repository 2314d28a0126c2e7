"Packaging: everything is read from settings.ini, so that nbdev and pip never disagree."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup, find_packages

here = Path(__file__).parent
ini = ConfigParser(delimiters=['='])
ini.read(here/'settings.ini', encoding='utf-8')
cfg = ini['DEFAULT']

statuses = ['1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
extras = {k.removesuffix('_requirements'): cfg[k].split() for k in cfg if k.endswith('_requirements')}
extras['dev'] = list(dict.fromkeys(o for k in ['dev', *extras] for o in extras[k]))

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], license='Apache-2.0',
    long_description=(here/'README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    classifiers=[f'Development Status :: {statuses[int(cfg["status"]) - 1]}', f'Intended Audience :: {cfg["audience"]}',
                 f'Natural Language :: {cfg["language"]}', 'Operating System :: OS Independent',
                 'Programming Language :: Python :: 3', 'Programming Language :: Python :: 3 :: Only',
                 *[f'Programming Language :: Python :: 3.{n}' for n in range(10, 13)],
                 'Framework :: Jupyter', 'Topic :: Scientific/Engineering :: Artificial Intelligence', 'Typing :: Typed'],
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl'], 'Changelog': cfg['git_url'] + f'/blob/{cfg["branch"]}/CHANGELOG.md',
                  'Issues': cfg['git_url'] + '/issues'},
    packages=find_packages(include=['picnet_nb', 'picnet_nb.*']),
    package_data={'picnet_nb': cfg['package_data'].split()},
    python_requires=f'>={cfg["min_python"]}', install_requires=cfg['requirements'].split(),
    extras_require=extras,
    entry_points={'console_scripts': [s for s in cfg['console_scripts'].split() if s],
                  'nbdev': [f'{cfg["lib_name"]}={cfg["lib_name"]}._modidx:d']},
    zip_safe=False)
