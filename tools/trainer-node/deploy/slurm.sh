#!/bin/bash
# One task of an array for each avatar of a manifest. Submit it with the array's size, here at most 8 at a time:
#
#   export PGS_SOURCE=/shared/datasets PGS_DEST=/shared/heads PGS_MANIFEST=/shared/manifest.jsonl PGS_DEPLOY=$PWD
#   sbatch --array=0-$(($(grep -c '[^[:space:]]' "$PGS_MANIFEST") - 1))%8 slurm.sh
#
# PGS_DEPLOY is the folder of this file: Slurm runs a copy of it from elsewhere.
#SBATCH --job-name=pgstalker
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --time=02:00:00
# Three minutes before the time is up, tell this script, which saves and asks for another turn.
#SBATCH --signal=B:USR1@180
# Where a job is preempted or its node is lost, Slurm itself queues it again.
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log
set -u
: "${PGS_MANIFEST:?}" "${PGS_DEPLOY:?}" "${SLURM_ARRAY_TASK_ID:?submit with --array}"
# How often a task may come back after a failure that another attempt may mend. Running out of time does not count as one.
max_attempts=3

node "$PGS_DEPLOY/train-one.mjs" "$PGS_MANIFEST" "$SLURM_ARRAY_TASK_ID" &
child=$!
out_of_time=
trap 'out_of_time=1; kill -TERM "$child"' USR1
# Cancelled or preempted: save, but do not come back by our own doing.
trap 'kill -TERM "$child"' TERM

wait "$child"
code=$?
# A signal ends `wait` at once, while the trainer is still saving.
while kill -0 "$child" 2>/dev/null; do
    wait "$child"
    code=$?
done

requeue() {
    echo "slurm: exit code $code, queued again"
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
}
case $code in
130) [ -z "$out_of_time" ] || requeue ;;
1 | 4 | 75) [ "${SLURM_RESTART_COUNT:-0}" -ge "$max_attempts" ] || requeue ;;
esac
exit "$code"
