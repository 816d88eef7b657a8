"""The demo behind ``make demo``: a real server, a real key, one FuseFace call of an unmodified client, one picture."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import matplotlib
import skimage
from scripts.tc3 import Client

ROOT = Path(__file__).resolve().parents[1]
DEGREES = {"FuseProfileDegree": 20, "FuseFaceDegree": 0}
"""Closer to the user than the materials' default of 50 and 50, so that one sees who it is."""

FACEMELD = [str(Path(sys.executable).parent / "facemeld")]
SNIPPET = """
import base64
from pathlib import Path

from tencentcloud.common import credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.facefusion.v20220927 import facefusion_client, models

cred = credential.Credential("{secret_id}", "{secret_key}")
http = HttpProfile(protocol="http", endpoint="127.0.0.1:8080")
client = facefusion_client.FacefusionClient(cred, "ap-guangzhou", ClientProfile(httpProfile=http))

user = models.MergeInfo()
user.Image = base64.b64encode(Path("demo/user.png").read_bytes()).decode()
request = models.FuseFaceRequest()
request.ProjectId, request.ModelId, request.RspImgType = "{project_id}", "{model_id}", "url"
request.FuseProfileDegree, request.FuseFaceDegree = {profile_degree}, {face_degree}
request.MergeInfos = [user]
print(client.FuseFace(request).FusedImage)
"""


def step(text: str) -> None:
    """Say what happens next."""
    print(f"==> {text}", flush=True)


def facemeld(*arguments: str) -> Any:
    """Run a command that prints JSON and return what it printed."""
    done = subprocess.run([*FACEMELD, *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout) if "--json" in arguments else None


def start_server(data: Path) -> tuple[subprocess.Popen[str], int]:
    """Start the real server on a free port; returns once it is ready."""
    command = [*FACEMELD, "serve", "--port", "0", "--data", str(data)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    for line in server.stdout:
        if line.startswith("Facemeld is ready on http://"):
            return server, int(line.rsplit(":", 1)[1])
    raise SystemExit(f"the server ended with status {server.wait()} before it was ready")


def run(data: Path) -> None:
    """Everything the demo does, on an empty data folder."""
    folder = ROOT / "demo"
    folder.mkdir(exist_ok=True)
    template, user = folder / "template.jpg", folder / "user.png"
    shutil.copyfile(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg", template)
    shutil.copyfile(Path(skimage.__file__).parent / "data" / "astronaut.png", user)

    step("Fetching the face landmark models (4 MB, once)")
    facemeld("models", "fetch")
    step("Creating an account key, an activity and a material")
    where = ("--data", str(data), "--json")
    key = facemeld("key", "create", "--account", "demo", *where)
    activity = facemeld("activity", "create", "demo", "--account", "demo", *where)
    material = facemeld("material", "add", activity["ProjectId"], str(template), "--approve", *where)
    print(f"    ProjectId {activity['ProjectId']}, ModelId {material['ModelId']}, {len(material['Faces'])} face found")

    step("Starting the server on a free port")
    server, port = start_server(data)
    try:
        step(f"Calling FuseFace on http://127.0.0.1:{port} with a TC3 signature")
        photo = base64.b64encode(user.read_bytes()).decode()
        parameters = {"ProjectId": activity["ProjectId"], "ModelId": material["ModelId"], "RspImgType": "url", **DEGREES}
        started = time.perf_counter()
        client = Client(port, key["SecretId"], key["SecretKey"])
        reply = client.call("FuseFace", {**parameters, "MergeInfos": [{"Image": photo}]})
        seconds = time.perf_counter() - started
        (folder / "fused.jpg").write_bytes(client.download(reply["FusedImage"]))
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)
    print(f"    answered in {seconds * 1000:.0f} ms, RequestId {reply['RequestId']}")
    step("Done: demo/template.jpg + demo/user.png -> demo/fused.jpg")
    print(f"\nThe data is in {data}; serve it again with\n    {FACEMELD[0]} serve --data {data}\n")
    print("and repeat the call with the official SDK (pip install tencentcloud-sdk-python-facefusion):")
    print(
        SNIPPET.format(
            secret_id=key["SecretId"],
            secret_key=key["SecretKey"],
            project_id=activity["ProjectId"],
            model_id=material["ModelId"],
            profile_degree=DEGREES["FuseProfileDegree"],
            face_degree=DEGREES["FuseFaceDegree"],
        )
    )


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    run(Path(tempfile.mkdtemp(prefix="facemeld-demo-")))
