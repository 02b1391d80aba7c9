"""What `slipway --help` costs: its CPU beside that of `import boto3`, each the least of several processes.

python benchmarks/start.py [REPEATS]
"""

import resource
import subprocess
import sys

CASES = {
    "import boto3": "import boto3",
    "slipway --help": "from ops.cli import main; main(['--help'])",
    "slipway logs --help": "from ops.cli import main; main(['logs', '--help'])",
    "slipway logs search --help": "from ops.cli import main; main(['logs', 'search', '--help'])",
    "slipway snapshots refresh --help": "from ops.cli import main; main(['snapshots', 'refresh', '--help'])",
}


def cpu_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    least = {name: min(cpu_s(code) for _ in range(repeats)) for name, code in CASES.items()}
    for name, seconds in least.items():
        print(f"{name:<28} {seconds:6.3f} s CPU  {seconds / least['import boto3']:5.2f} x import boto3")


if __name__ == "__main__":
    main()
