# Sourced by the job scripts with the run's folder: enters the environment, and writes down what the job runs on.
# MODULES="cuda/12.8 python/3.12" has them loaded first; VENV names another environment than .venv.
if [ -n "${MODULES:-}" ]; then module load $MODULES; fi
if [ -f "${VENV:-.venv}/bin/activate" ]; then . "${VENV:-.venv}/bin/activate"; fi
mkdir -p "$1"
{
    date --iso-8601=seconds
    for command in "git rev-parse HEAD" "git status --short" "module list" "python -VV" "pip freeze" "nvidia-smi" \
        "scontrol show job $SLURM_JOB_ID" "scontrol show hostnames"; do
        printf '\n$ %s\n' "$command"
        $command || true
    done
    printf '\n$ env\n'
    env | grep -E '^(SLURM|CUDA|NCCL|GLOO|TORCH|OMP|MKL)' | sort
} > "$1/environment-${SLURM_RESTART_COUNT:-0}.txt" 2>&1
