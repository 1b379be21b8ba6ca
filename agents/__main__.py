"""`python -m prefgym.agents` is the command `prefgym`."""

from prefgym.agents.cli import main

if __name__ == "__main__":
    main()
