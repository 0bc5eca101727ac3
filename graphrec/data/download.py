"""MovieLens archives, downloaded once into a cache, verified by checksum, unpacked whole."""

from __future__ import annotations

import os
import sys
import tempfile
import zipfile
from pathlib import Path

from graphrec.errors import DownloadError, argument

BASE_URL = "https://files.grouplens.org/datasets/movielens/"
CHECKSUMS: dict[str, str | None] = {
    "ml-latest-small": None,  # GroupLens updates it in place: checked against its .md5 file
    "ml-1m": "md5:c4d9eecfca2ab87c1945afe126590906",
    "ml-20m": "md5:cd245b17a1ae2cc31bb14903e1204af3",
    "ml-25m": "md5:6b51fb2759a8657d3bfcbfc42b592ada",
    "ml-32m": "md5:d472be332d4daa821edc399621853b57",
}
"""Named data sets and the checksums that GroupLens publishes."""


def cache_folder() -> Path:
    """Where archives are kept: ``GRAPHREC_CACHE``, or the system's cache folder."""
    import pooch

    return Path(os.environ.get("GRAPHREC_CACHE") or pooch.os_cache("graphrec"))


def fetch(name: str, *, cache: Path | None = None, base_url: str | None = None) -> Path:
    """The folder of a named data set, downloaded and unpacked if it isn't there yet.

    Args:
        name: one of `CHECKSUMS`.
        cache: folder to keep it in; `cache_folder` by default.
        base_url: where the archives are; ``GRAPHREC_MOVIELENS_URL`` or GroupLens by default.

    Returns:
        Folder that holds the archive's tables.

    Raises:
        DownloadError: if the archive can't be fetched, its checksum is wrong, or it isn't safe to
            unpack. The cache never holds a part of a data set.
    """
    cache = cache or cache_folder()
    folder = cache / name
    if folder.is_dir():
        return folder
    url = (base_url or os.environ.get("GRAPHREC_MOVIELENS_URL") or BASE_URL).rstrip("/")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=cache) as temporary:
            archive = _download(f"{url}/{name}.zip", CHECKSUMS[name], Path(temporary))
            _unpack(archive, name, folder)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DownloadError(
            f"{name} could not be fetched from {url}/{name}.zip: {error}; try again, or download it"
            " by hand, unpack it and name the folder with ",
            argument("data"),
            ".",
        ) from error
    return folder


def _download(url: str, checksum: str | None, folder: Path) -> Path:
    """The archive in `folder`, once its checksum is right."""
    if checksum is None:
        published = _retrieve(f"{url}.md5", None, folder)
        checksum = f"md5:{_md5_in(published.read_text(encoding='latin-1'))}"
    return _retrieve(url, checksum, folder)


def _retrieve(url: str, checksum: str | None, folder: Path) -> Path:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=30)
    file = url.rsplit("/", 1)[-1]
    try:
        return Path(pooch.retrieve(url, checksum, fname=file, path=folder, downloader=downloader))
    except ValueError as error:
        if "does not match" in str(error):
            raise ValueError("the file that came has a wrong checksum") from error
        raise


def _md5_in(text: str) -> str:
    """The digest in ``MD5 (file) = digest`` or ``digest  file``."""
    for word in text.split():
        if len(word) == 32 and all(character in "0123456789abcdef" for character in word.lower()):
            return word.lower()
    raise ValueError("the published checksum is not an MD5 digest")


def _unpack(archive: Path, name: str, folder: Path) -> None:
    """Unpack the archive's one folder beside it, then move that: all of it or nothing."""
    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.namelist():
            parts = Path(member).parts
            if ".." in parts or "\\" in member or parts[:1] != (name,):
                raise ValueError(f"the archive holds an unsafe path {member!r}")
        bundle.extractall(archive.parent)
    (archive.parent / name).rename(folder)
