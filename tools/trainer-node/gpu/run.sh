#!/usr/bin/env bash
# Checks and times the GPU training library on this machine: finds or builds the libraries, then runs check.py with all that follows
# the command. Exit status: check.py's; 5 where there is no Python.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
native=$here/../native
own=$here/build # beside native/build: a build folder that came from another machine is left alone

# A Python with PyTorch serves every section, one with numpy most.
python=${PGS_PYTHON:-}
for modules in 'torch, numpy' numpy sys; do
    for candidate in python3 python /opt/conda/bin/python /usr/bin/python3; do
        [ -n "$python" ] && break 2
        if command -v "$candidate" > /dev/null && "$candidate" -c "import $modules" 2> /dev/null; then python=$candidate; fi
    done
done
if [ -z "$python" ]; then
    echo 'gpu/run.sh: expected python3, got none. Install Python 3.8 or newer, or set PGS_PYTHON.' >&2
    exit 5
fi
echo "gpu/run.sh: $("$python" -c 'import sys; print(sys.executable, sys.version.split()[0])')" >&2

# A library for another processor ends with an illegal instruction, so that is tried in a process of its own. Without numpy nothing
# can be tried, nor compared.
works() {
    [ -f "$1" ] || return 1
    "$python" -c 'import numpy' 2> /dev/null || return 0
    (cd "$here" && "$python" sanitizer_step.py --library "$1") > /dev/null 2>&1
}

build() {
    if ! command -v cmake > /dev/null; then
        echo "gpu/run.sh: $* missing or not for this machine, and no cmake to build with; see \"Without cmake\" in gpu/README.md" >&2
        return 1
    fi
    for nvcc in /usr/local/cuda/bin /opt/cuda/bin "${CUDA_PATH:-/nowhere}/bin"; do
        [ -x "$nvcc/nvcc" ] && PATH=$PATH:$nvcc
    done
    echo "gpu/run.sh: building $* in $own" >&2
    cmake -S "$native" -B "$own" -DPGS_TESTS=OFF > "$own.log" 2>&1 || { tail -5 "$own.log" >&2; return 1; }
    local target
    for target in "$@"; do # one by one: without nvcc there is no pgs_cuda, and the CPU libraries are still wanted
        cmake --build "$own" --target "$target" -j "$(nproc)" >> "$own.log" 2>&1 || { tail -5 "$own.log" >&2; return 1; }
    done
}

# Option given on the command line: nothing to find.
given() {
    local option=$1 word
    shift
    for word in "$@"; do
        case $word in "$option" | "$option"=*) return 0 ;; esac
    done
    return 1
}

# The first folder with a library that serves here; `own` after a build, or the first one's for check.py to complain of.
find_library() {
    local name=$1 try=$2 folder
    for folder in "$native/build" "$here/../build/portable" "$own"; do
        if "$try" "$folder/$name"; then
            echo "$folder/$name"
            return
        fi
    done
    shift 2
    if build "$@"; then echo "$own/$name"; else echo "$native/build/$name"; fi
}
exists() { [ -f "$1" ]; }

options=()
if ! given --cpu-library "$@"; then options+=(--cpu-library "$(find_library libpgs_cpu.so works pgs_cpu pgs_cpu_f64)"); fi
if ! given --library "$@"; then options+=(--library "$(find_library libpgs_cuda.so exists pgs_cuda)"); fi
exec "$python" "$here/check.py" "${options[@]}" "$@"
