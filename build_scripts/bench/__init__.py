"""What a frame costs: in CPython, in Pyodide under Node and in Chromium, next to other suppressors in that browser.

``python -m build_scripts.bench --out build/bench.json``. How it measures:

- Each system has a process or Worker of its own and waits while another has its turn. Turns are short, so that the
  machine's other work affects all systems alike: compare ratios, not milliseconds.
- *Back to back* frames show the cost of the arithmetic; *paced* frames, one every 10 ms, that of a call: the processor
  has slept and its caches are cold. The floor is a Worker that is woken at that pace and does nothing.
- Chromium can slow a page down to imitate a phone; it slows only the page's main thread, so the systems then run
  there. Copying alone and calling Python alone are measured as systems too.
- The whole step is timed as the page runs it. Its stages are timed in separate turns, because timing costs time.

==============  ========================================================
``__main__``    command line: which engines, the file, the table
``rounds``      turns of one engine's systems; their times into records
``records``     percentiles, ratios, table
``hosts``       where systems run: CPython and Node, driven line by line
``chromium``    the same: Workers in a page
``stages``      the enhancer with its stages timed; runs in every engine
``machine``     load and processor time
``peers``       the other suppressors, from npm into a cache
``startup``     the page itself: time until enhancement
``offline``     a separate command: long files, compared with PyPI's suppressors
``sizes``       bytes to download
``js/``         the same for Node and Workers
==============  ========================================================
"""
