"""Scripts for the start of a page that record what the drop-in makes behind the page's back."""

WORKERS = """
window.workers = [];
window.Worker = class extends Worker {
    constructor(...args) { super(...args); this.alive = true; workers.push(this); }
    terminate() { this.alive = false; super.terminate(); }
};
"""
"""``workers``: all of them, the dead ones as well."""

CONTEXTS = """
window.contexts = [];
window.AudioContext = class extends AudioContext {
    constructor(...args) { super(...args); contexts.push(this); }
};
"""
"""``contexts``: every audio context."""

KEEP_SOURCE = "delete MediaStreamTrack.prototype.stats;"
"""Without these figures no queue in front of the graph is skipped: its source stays the same one."""

GRAPH = (
    KEEP_SOURCE
    + """
window.AudioContext = class extends AudioContext {
    createMediaStreamSource(stream) {
        const source = super.createMediaStreamSource(stream);
        if (!window.ours) Object.assign(window, { ours: this, source });
        return source;
    }
};
window.AudioWorkletNode = class extends AudioWorkletNode {
    constructor(context, name, options) {
        super(context, name, options);
        if (name === 'percepnet') window.node = this;
    }
};
"""
)
"""``ours``, ``source``, ``node``: the drop-in's context and the two ends of its graph, which are on one clock."""
