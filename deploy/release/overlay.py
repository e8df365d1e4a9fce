"""Fill an overlay for one deployment: `python3 -m deploy.release.overlay outputs.json --image IMAGE@DIGEST …`.

The places of the servers come from `terraform output -json`, the image from the release. The result is a folder with a
kustomization of its own, in which the image stands by digest; the overlay itself keeps its name and its components.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

OVERLAY = Path(__file__).resolve().parents[1] / "kubernetes" / "overlays" / "aws"


def env_lines(text: str, values: Mapping[str, str]) -> str:
    """Return an env file with the values of some of its names replaced; the rest stays as it is.

    Args:
        text: lines NAME=VALUE and comments.
        values: by name.

    Raises:
        ValueError: a name is not in the file.
    """
    for name, value in values.items():
        line = re.compile(rf"^{re.escape(name)}=.*$", re.MULTILINE)
        if not line.search(text):
            raise ValueError(f"{name} is not in the file: add it there, or remove it from what Terraform returns")
        text = line.sub(f"{name}={value}".replace("\\", r"\\"), text)
    return text


def fill(outputs: Mapping[str, Mapping[str, object]], overlay: Path = OVERLAY) -> None:
    """Write the outputs `settings` and `places` of Terraform into the env files of an overlay.

    Args:
        outputs: as `terraform output -json` prints them.
        overlay: folder with settings.env and places.env.

    Raises:
        ValueError: Terraform has no such output, or one names what the file lacks.
    """
    for name in ("settings", "places"):
        if not isinstance(values := outputs.get(name, {}).get("value"), dict):
            raise ValueError(f"Terraform has no output {name}: apply deploy/terraform/cluster first")  # noqa: TRY004
        file = overlay / f"{name}.env"
        given = {str(key): str(value) for key, value in values.items()}
        file.write_text(env_lines(file.read_text(encoding="utf-8"), given), encoding="utf-8")


def pinned(image: str, version: str, folder: Path, overlay: Path = OVERLAY) -> dict[str, object]:
    """Return the kustomization of a folder that is an overlay with one image by digest.

    Args:
        image: name@sha256:….
        version: such as 0.3.0, for the label of every object.
        folder: in which the kustomization will be.
        overlay: folder of the overlay.

    Raises:
        ValueError: the image is not given by digest.
    """
    if not (parts := re.fullmatch(r"(?P<name>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})", image)):
        raise ValueError(f"{image} is not an image by digest: write NAME@sha256:…, as image.txt of a release has it")
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(overlay, folder)],
        "images": [{"name": "dayahead", "newName": parts["name"], "digest": parts["digest"]}],
        "labels": [{"pairs": {"app.kubernetes.io/version": version}}],
    }


def main() -> None:
    """Fill the overlay and write the folder; exit with 1 and the reason if something is missing."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.release.overlay", description=__doc__)
    parser.add_argument("outputs", type=Path, help="file with what `terraform output -json` printed")
    parser.add_argument("--image", required=True, help="NAME@sha256:…")
    parser.add_argument("--version", required=True, help="such as 0.3.0")
    parser.add_argument("--folder", type=Path, required=True, help="to write")
    parser.add_argument("--overlay", type=Path, default=OVERLAY, help="to fill; its env files are changed")
    given = parser.parse_args()
    try:
        fill(json.loads(given.outputs.read_text(encoding="utf-8")), given.overlay)
        kustomization = pinned(given.image, given.version, given.folder.resolve(), given.overlay.resolve())
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
