"""The API process carries no imaging libraries: they live in workers."""

import subprocess
import sys


def test_the_server_imports_no_imaging_libraries() -> None:
    code = "import sys, facemeld.app.server; print(sorted({'cv2', 'ai_edge_litert', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
