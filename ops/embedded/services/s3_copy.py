"""S3: copies with the requested checksum algorithm; the emulator supports that header for uploads only."""

from typing import Any

from ministack.services import s3

from ops.embedded.context import OverlayContext

SEAMS = ("ministack.services.s3._copy_object",)


def install(context: OverlayContext) -> None:
    emulated = s3._copy_object

    def copy(bucket: str, key: str, headers: dict[str, str]) -> Any:
        if algorithm := headers.get("x-amz-checksum-algorithm"):
            headers = {**headers, "x-amz-sdk-checksum-algorithm": algorithm}
        return emulated(bucket, key, headers)

    s3._copy_object = copy
