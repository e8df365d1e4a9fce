"""Fill an overlay for one deployment: `python3 -m deploy.release.overlay outputs.json --images images.txt …`.

The places of the servers come from `terraform output -json`, the images from the release. The result is a folder with a
kustomization of its own, in which the images stand by digest; the overlay itself keeps its name and its components.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from deploy.release.rollout import SERVICES

OVERLAY = Path(__file__).resolve().parents[1] / "kubernetes" / "overlays" / "aws"


class Image(NamedTuple):
    """An image by digest.

    Attributes:
        name: with its registry.
        digest: sha256:….
    """

    name: str
    digest: str


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


def images_of(text: str) -> dict[str, Image]:
    """Read images.txt of a release: a line SERVICE NAME@sha256:… for each service.

    Raises:
        ValueError: an image is not given by digest, or the services are not those of the deployment.
    """
    images = {}
    for line in text.splitlines():
        service, _, image = line.partition(" ")
        if not (parts := re.fullmatch(r"(?P<name>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})", image)):
            raise ValueError(f"{line!r} is not an image by digest: write SERVICE NAME@sha256:…, as images.txt has it")
        images[service] = Image(parts["name"], parts["digest"])
    if sorted(images) != sorted(SERVICES):
        raise ValueError(f"images of {', '.join(images) or 'nothing'}: a release has one each of {', '.join(SERVICES)}")
    return images


def pinned(images: Mapping[str, Image], version: str, folder: Path, overlay: Path = OVERLAY) -> dict[str, object]:
    """Return the kustomization of a folder that is an overlay with the image of each service by digest.

    Args:
        images: by service.
        version: such as 0.3.0, for the label of every object.
        folder: in which the kustomization will be.
        overlay: folder of the overlay.
    """
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(overlay, folder)],
        "images": [
            {"name": f"dayahead-{service}", "newName": image.name, "digest": image.digest}
            for service, image in images.items()
        ],
        "labels": [{"pairs": {"app.kubernetes.io/version": version}}],
    }


def main() -> None:
    """Fill the overlay and write the folder; exit with 1 and the reason if something is missing."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.release.overlay", description=__doc__)
    parser.add_argument("outputs", type=Path, help="file with what `terraform output -json` printed")
    parser.add_argument("--images", type=Path, required=True, help="file with a line SERVICE NAME@sha256:… for each")
    parser.add_argument("--version", required=True, help="such as 0.3.0")
    parser.add_argument("--folder", type=Path, required=True, help="to write")
    parser.add_argument("--overlay", type=Path, default=OVERLAY, help="to fill; its env files are changed")
    given = parser.parse_args()
    try:
        fill(json.loads(given.outputs.read_text(encoding="utf-8")), given.overlay)
        images = images_of(given.images.read_text(encoding="utf-8"))
        kustomization = pinned(images, given.version, given.folder.resolve(), given.overlay.resolve())
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    given.folder.mkdir(parents=True, exist_ok=True)
    (given.folder / "kustomization.yaml").write_text(json.dumps(kustomization, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
