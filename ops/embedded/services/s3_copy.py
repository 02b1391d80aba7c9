"""S3: a copy is given the checksum that was asked for; the emulator knows that header of an upload only."""

from typing import Any

from ministack.services import s3

from ops.embedded.context import Context

SEAMS = ("ministack.services.s3._copy_object",)


def install(context: Context) -> None:
    emulated = s3._copy_object

    def copy(bucket: str, key: str, headers: dict[str, str]) -> Any:
        if wanted := headers.get("x-amz-checksum-algorithm"):
            headers = {**headers, "x-amz-sdk-checksum-algorithm": wanted}
        return emulated(bucket, key, headers)

    s3._copy_object = copy
