/**
 * Every message that threads exchange, as types that tsc checks at both ends. Nothing here exists at run time.
 *
 *     main thread --- WorkerRequest ---> enhancer's worker      main thread --- NodeRequest ---> audio thread
 *     main thread <-- WorkerReport  ---  (worker.js)            main thread <-- NodeReport  ---  (processor.js)
 *
 *     main thread --- DirectRequest ---> audio thread           only with `engine: 'worklet'` (direct-processor.js)
 *     main thread <-- DirectReport  ---  audio thread
 *
 *     audio thread --- InputFrame ---> worker                   only without shared memory (link.js)
 *     audio thread <-- OutputFrame --  worker
 *
 * With `engine: 'python'` there are two workers until Python has started: the one that enhances first is that of `engine: 'worker'`
 * (early.js), with a ring or a port of its own.
 *
 * `id` names a stream: one instance's share of the worker. `token` pairs an answer with its request.
 *
 * @typedef {import('./chooser.js').Choice} Choice
 * @typedef {import('./errors.js').Code} Code
 * @typedef {import('./enhancer.js').Frame} Frame
 * @typedef {Record<string, any>} Info what runs: tier, kernel, versions
 */

// Main thread -> worker

/**
 * @typedef {object} Boot the first message, once
 * @property {'boot'} type
 * @property {string} assets URL of the runtime folder
 * @property {Choice} [remembered] what `model: 'auto'` chose on an earlier visit
 * @property {ProgramFiles} [files] already downloaded by the worker that enhances while Python starts
 *
 * @typedef {object} ProgramFiles what runs without Python; Python reads the same files
 * @property {Uint8Array<ArrayBuffer>} relaxed kernel
 * @property {Uint8Array<ArrayBuffer>} simd kernel
 * @property {Uint8Array} image of the default tier
 * @property {string} tier its name
 */

/** @typedef {{type: 'program', files?: ProgramFiles}} ProgramMessage to the worker without Python, once: what the page has fetched, if it could */

/**
 * @typedef {{type: 'open', token: number, model: string, attenuationLimit: number, provisional?: boolean}} Open a new stream; a
 *     provisional one does not react to overload, since another engine is starting and keeps the machine busy
 * @typedef {{type: 'use', token: number, model: string}} Use switch to another model
 * @typedef {{type: 'files', token: number}} Files the answer's `info` is the worker's ProgramFiles; engine 'worker' only
 * @typedef {{depth: number | 'auto', buffer?: SharedArrayBuffer, port?: MessagePort}} Transport one of `buffer` and `port`
 * @typedef {{type: 'connect'} & Transport} Connect serve this transport from now on, and no other
 * @typedef {{type: 'attenuationLimit', value: number}} SetAttenuationLimit dB
 * @typedef {{type: 'observe', wanted: boolean}} Observe start or stop sending 'frame'
 * @typedef {{type: 'keep'}} Keep the stream is no longer provisional
 * @typedef {{type: 'close'}} Close
 *
 * @typedef {Open | Use | Files | Connect | SetAttenuationLimit | Observe | Keep | Close} StreamRequest
 * @typedef {Boot | ProgramMessage | (StreamRequest & {id: number})} WorkerRequest
 */

// Worker -> main thread

/**
 * @typedef {{type: 'answer', token: number, info?: Info}} Answer to 'open' and 'use'
 * @typedef {{type: 'answer', token: number, code: Code, message: string}} Refusal of 'open' or 'use'
 * @typedef {{type: 'stats'} & import('./stream.js').StreamStats} Stats twice a second
 * @typedef {{type: 'frame'} & Frame} FrameReport 25 times a second while observed
 * @typedef {{type: 'overload', action: 'step-down', from: string, tier: string, info: Info}} StepDown
 * @typedef {{type: 'overload', action: 'bypass', tier: string}} Bypass
 * @typedef {{type: 'error', code: Code, message: string}} StreamError the stream's last message
 *
 * @typedef {Answer | Refusal | Stats | FrameReport | StepDown | Bypass | StreamError} StreamReport
 *
 * @typedef {{type: 'progress', stage: string, bytes: number, total?: number}} Progress while loading, to all streams
 * @typedef {{type: 'failed', code: Code, message: string}} Failed the worker's last message, to all streams
 * @typedef {{type: 'alive'}} Alive a model is arriving
 * @typedef {{type: 'chosen', choice: Choice}} Chosen to be remembered for the next visit
 *
 * @typedef {Progress | Failed | Alive | Chosen | (StreamReport & {id: number})} WorkerReport
 */

// What a session hears through its channel

/** @typedef {Progress | Stats | FrameReport | StepDown | Bypass | StreamError} SessionMessage */

// Main thread <-> audio thread

/**
 * @typedef {{enabled: boolean}} SwitchEnabled
 * @typedef {{port: MessagePort}} UsePort carry frames over this port, in place of the one before
 * @typedef {{early: {buffer?: SharedArrayBuffer, port?: MessagePort}}} UseEarly play from a second ring, or over a second port, until the
 *     first can take over
 * @typedef {{restart: true}} Restart try again after an exception
 * @typedef {{close: true}} CloseNode
 * @typedef {Partial<SwitchEnabled & UsePort & UseEarly & Restart & CloseNode>} NodeRequest
 *
 * @typedef {{state?: string, depth?: number, tookOver?: true, message?: string}} NodeReport what is playing, one of blend.js's STATE, or
 *     the depth in use, when that changes; that the early worker is no longer heard; or the state 'failed' with an exception's message
 */

// Main thread <-> audio thread, over a node's port from UsePort, with the runner on the audio thread

/**
 * @typedef {object} Load a program to run, in place of the one before
 * @property {'load'} type
 * @property {number} token
 * @property {string} key the same for the same image
 * @property {import('./runner-runtime.js').Kernels} kernels
 * @property {Uint8Array} image
 *
 * @typedef {{type: 'proceed'}} Proceed with loading, if no quantum has been rendered since the last of these
 * @typedef {Load | Proceed | SetAttenuationLimit | Observe | Close} DirectRequest
 *
 * @typedef {object} Counts twice a second; what Stats has of them
 * @property {'counts'} type
 * @property {number} frames
 * @property {number} errors
 * @property {number} quanta
 * @property {number} underruns
 * @property {number} heap
 * @property {number} snr
 * @property {number} voiceActivity
 *
 * @typedef {Answer | Refusal | Counts | FrameReport | StreamError} DirectReport
 */

// Audio thread <-> worker, without shared memory

/**
 * @typedef {{position: number, samples: Float32Array<ArrayBuffer>, active: number, underruns: number, quanta: number, depth: number}} InputFrame
 * @typedef {{position: number, validFrom: number, samples: Float32Array<ArrayBuffer>, enhanced: boolean}} OutputFrame
 */

export {};
