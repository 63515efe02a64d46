"""What checks the Android app can fail; and its two builds agree on versions."""

import re
import struct
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "android_demo"
sys.path.insert(0, str(DEMO / "tools"))

import check_apk  # noqa: E402
import copy_models  # noqa: E402
import package_apk  # noqa: E402

DUMP = "package: tf.colorize.app\n" + "".join(f"uses-permission: name='{name}'\n" for name in check_apk.PERMISSIONS)


def test_permissions_are_exactly_those_promised():
    assert check_apk.permission_problems(check_apk.permissions(DUMP)) == []
    more = check_apk.permissions(DUMP + "uses-permission: name='android.permission.INTERNET'\n")
    assert check_apk.permission_problems(more) == [("android.permission.INTERNET", "not promised")]
    sdk = check_apk.permissions(DUMP + "uses-permission-sdk-23: name='android.permission.RECORD_AUDIO'\n")
    assert check_apk.permission_problems(sdk) == [("android.permission.RECORD_AUDIO", "not promised")]
    less = check_apk.permissions(DUMP.replace("uses-permission: name='android.permission.CAMERA'\n", ""))
    assert check_apk.permission_problems(less) == [("android.permission.CAMERA", "missing")]


def test_stored_entries_are_aligned(tmp_path):
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as out:
        package_apk.add(out, "resources.arsc", b"table", 4)
        package_apk.add(out, "classes.dex", b"code", 0)
        package_apk.add(out, "lib/arm64-v8a/lib.so", b"library", package_apk.PAGE)
    assert check_apk.alignment_problems(path) == []
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_entries_that_cannot_be_mapped_are_noticed(tmp_path):
    path = tmp_path / "app.apk"
    with zipfile.ZipFile(path, "w") as out:
        package_apk.add(out, "resources.arsc", b"table", 4)
        package_apk.add(out, "lib/arm64-v8a/near.so", b"library", 4096)
        package_apk.add(out, "lib/arm64-v8a/packed.so", b"library", 0)
    problems = check_apk.alignment_problems(path)
    assert [problem.split()[0] for problem in problems] == ["lib/arm64-v8a/near.so", "lib/arm64-v8a/packed.so"]


@pytest.mark.parametrize(("alignment", "count"), [(16384, 0), (65536, 0), (4096, 1)])
def test_segments_for_small_pages_are_noticed(alignment, count):
    head = bytearray(64)
    head[:5] = b"\x7fELF\x02"
    struct.pack_into("<Q", head, 32, 64)
    struct.pack_into("<HH", head, 54, 56, 1)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0, 0, alignment)
    assert len(check_apk.segment_problems("lib.so", bytes(head) + segment)) == count


def test_a_library_for_other_processors_is_noticed():
    assert check_apk.segment_problems("lib.so", b"\x7fELF\x01") == ["lib.so is no 64-bit library"]


def test_models_are_copied_from_where_they_live(tmp_path, monkeypatch):
    edge = tmp_path / "colorize_tf/edge"
    edge.mkdir(parents=True)
    golden = tmp_path / "tests/golden/models/tiny.tflite"
    golden.parent.mkdir(parents=True)
    golden.write_bytes(b"tiny")
    monkeypatch.setattr(sys, "argv", ["copy_models", str(tmp_path), str(tmp_path / "out")])
    assert copy_models.main() == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["tiny.tflite"]
    (edge / "mobile.tflite").write_bytes(b"trained")
    (edge / "mobile.json").write_text('{"twin": "mobile-float16.tflite"}')
    (edge / "mobile-float16.tflite").write_bytes(b"larger")
    (edge / "mobile-float16.json").write_text('{"twin": null}')
    assert copy_models.main() == 0
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"trained"]


def test_both_builds_use_the_same_versions():
    catalogue = tomllib.loads((DEMO / "gradle/libs.versions.toml").read_text())["versions"]
    pom = (DEMO / "pom.xml").read_text()
    for name in ("kotlin", "tflite", "javacpp", "junit", "robolectric", "androidx-test-junit"):
        assert re.search(rf"<{name}\.version>(.*?)</", pom)[1] == catalogue[name]
    gradle, maven = ((DEMO / "app" / name).read_text() for name in ("build.gradle.kts", "pom.xml"))
    for name in ("minSdk", "targetSdk", "versionCode"):
        assert re.search(rf"{name} = (\d+)", gradle)[1] == re.search(rf"<app\.{name}>(\d+)<", maven)[1]
    assert re.search(r'versionName = "(.*?)"', gradle)[1] == re.search(r"<version>(.*?)</version>", pom)[1]
