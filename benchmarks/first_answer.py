"""Seconds from a fresh clone to the first stored answer, given at the page by a key.

    python benchmarks/first_answer.py

Clones this repository as committed, installs it as the Makefile does, starts
`prefgym label --demo` and answers the first question in a headless Chromium.
"""

import subprocess
import tempfile
import time
from pathlib import Path

import tyro
from scripted_person import browser, shown_assignment, wait_for
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = Path(__file__).resolve().parents[1]


def first_answer(clone: Path, demo: str, folder: Path) -> float:
    """Seconds from the command to the stored answer."""
    begin = time.perf_counter()
    log = folder / f"{demo}.log"
    words = [".venv/bin/prefgym", "label", "--demo", demo, "--no-browser"]
    with log.open("w") as file:
        server = subprocess.Popen(words, cwd=clone, stdout=file, stderr=subprocess.STDOUT)
    try:
        link = wait_for(r"http://\S+", log)
        with tempfile.TemporaryDirectory() as profile, browser(profile) as driver:
            driver.get(link)
            driver.switch_to.active_element.send_keys(Keys.ENTER)
            while not (asked := shown_assignment(driver)):
                time.sleep(0.02)
            while driver.find_elements(By.CSS_SELECTOR, "main [data-blocked~=wait]"):
                time.sleep(0.02)
            driver.find_element(By.TAG_NAME, "body").send_keys("s")
            while shown_assignment(driver) == asked:
                time.sleep(0.02)
            return time.perf_counter() - begin
    finally:
        server.terminate()
        server.wait(20)


def main(demos: tuple[str, ...] = ("driving", "text")) -> None:
    """Print the seconds of each part.

    Args:
        demos: which quick recordings to open, one after the other.
    """
    with tempfile.TemporaryDirectory() as name:
        clone, folder = Path(name) / "prefgym", Path(name)
        begin = time.perf_counter()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        subprocess.run(["make", "-s", ".venv/.installed"], cwd=clone, check=True)
        installed = time.perf_counter() - begin
        print(f"clone and install: {installed:.0f} s")
        for demo in demos:
            print(f"first stored answer, {demo}: {first_answer(clone, demo, folder):.1f} s more")


if __name__ == "__main__":
    tyro.cli(main)
