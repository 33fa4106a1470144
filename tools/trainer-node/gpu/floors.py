"""
The least time that a pass can take: the slower of its bytes at the memory's peak and its operations at the fp32 peak, every array once.

Operations per item are counted from the algorithms; samples a pair come from a count on a synthetic head (127 000 pairs of a
30 000-splat head at 512 x 512 are evaluated at 14.3 million pixels after the masks of 8 x 4 sub-tiles).
"""

SAMPLES_PER_PAIR = 113
# What starts after what: dependent kernels of one iteration as nodes of a graph, and the time from one's end to the next one's start.
GRAPH_NODES, NODE_SECONDS = 20, 2.25e-6
# pgs_bench times some parts together; what is not here is a part by itself.
PASSES = {
    "encoder": ("encoderForward", "encoderBackward"),
    "pose": ("encoderForward", "deformForward"),
    "projectAndBin": ("project", "bin"),
    "poseBackward": ("deformBackward",),
}
HIDDEN = {"face": 64, "mouth": 32}
# Multiply-adds a splat: face 36 -> 64 -> 64 -> 10; mouth 36 -> 32, gate 32 -> 32, then 64 -> 32 -> 32 -> 3.
MULTIPLY_ADDS = {"face": 36 * 64 + 64 * 64 + 64 * 10, "mouth": 36 * 32 + 32 * 32 + 64 * 32 + 32 * 32 + 32 * 3}
ENCODER_BYTES, ENCODER_FLOPS = 4 * 60_000, 2 * 500_000


def pass_work(branch, n, pairs, pixels, degree, texels, stepped):
    """Bytes and operations of each part of one branch's iteration. pixels: compared ones; stepped: values that Adam moves."""
    row = 11 + 3 * (degree + 1) ** 2  # a splat's parameters
    hidden, samples = HIDDEN[branch], SAMPLES_PER_PAIR * pairs
    activations = 4 * n * (36 + 2 * hidden + 10)
    macs = MULTIPLY_ADDS[branch] * n
    return {
        "encoderForward": (ENCODER_BYTES, ENCODER_FLOPS),
        "encoderBackward": (2 * ENCODER_BYTES, 2 * ENCODER_FLOPS),
        "deformForward": (12 * n + 4 * texels + activations, 2 * macs + 36 * 9 * n),
        "project": (4 * n * row + 48 * n, 400 * n),
        "bin": (24 * n + 28 * pairs, 60 * pairs),
        "rasterForward": (48 * n + 5 * pairs + 16 * pixels, 18 * samples),
        # Picture, frame and label in; moments, partial derivatives and the gradient of three channels in between and out.
        "loss": (pixels * (16 + 4 + 4 * 3 * (5 + 3) + 16), 1150 * pixels),
        "rasterBackward": (48 * n + 48 * pairs + 32 * pixels, 37 * samples),
        "projectBackward": (48 * pairs + 4 * n * (2 * row + 12), 900 * n),
        "deformBackward": (activations + 12 * n + 8 * texels, 4 * macs + 36 * 12 * n),
        # Value, gradient and two moments in; value and two moments out.
        "adam": (28 * stepped, 12 * stepped),
    }


def seconds_of(work, bandwidth, flops):
    size, operations = work
    return max(size / bandwidth, operations / flops)


def pass_seconds(name, works, bandwidth, flops):
    """Floor of a pass of pgs_bench over the branches that took part, or None for one whose work is not counted. works: of pass_work."""
    parts = [work[part] for part in PASSES.get(name, (name,)) for work in works if part in work]
    return sum(seconds_of(part, bandwidth, flops) for part in parts) or None


def step_floor(works, bandwidth, flops):
    """Of a whole iteration: all its bytes or all its operations, whichever is slower, and the graph's latency."""
    return seconds_of([sum(column) for column in zip(*works)], bandwidth, flops) + GRAPH_NODES * NODE_SECONDS
