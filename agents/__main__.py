"""`python -m prefgym.agents` is the command `prefgym`."""

from prefgym.agents.cli import main

main()
