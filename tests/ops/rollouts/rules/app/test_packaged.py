"""Files, images, and macros of templates, as `aws cloudformation package`, SAM, and the CDK write them."""

import pytest

from ops.rollouts.rules.app.packaged import has_macros, packaged_files, packaged_images

CODE = """Resources:
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Code:
        S3Bucket: artifacts-eu
        S3Key: 0123abcd
"""
JSON = '{"Code": {"S3Bucket": "artifacts-eu", "S3Key": "0123abcd"}}'
CDK = (
    '"Code": {\n "S3Bucket": {\n  "Fn::Sub": "cdk-q-assets-${AWS::AccountId}-${AWS::Region}"\n },\n'
    ' "S3Key": "0a.zip"\n}'
)
SHORT = "Code:\n  S3Key: 0a.zip\n  S3Bucket: !Sub 'code-${AWS::Region}'\n"
SAM = "Transform: AWS::Serverless-2016-10-31\nCodeUri: s3://artifacts-eu/0123abcd\n"
NESTED = "TemplateURL: https://s3.eu-west-1.amazonaws.com/artifacts-eu/n.template\n"
HOSTED = '"TemplateURL": "https://artifacts-eu.s3.eu-west-1.amazonaws.com/n.template"'


@pytest.mark.parametrize(
    ("template", "bucket", "key", "local"),
    [
        (CODE, "artifacts-eu", "0123abcd", True),
        (JSON, "artifacts-eu", "0123abcd", True),
        (CDK, "cdk-q-assets-${AWS::AccountId}-${AWS::Region}", "0a.zip", True),
        (SHORT, "code-${AWS::Region}", "0a.zip", True),
        (SAM, "artifacts-eu", "0123abcd", True),
        (NESTED, "artifacts-eu", "n.template", False),
        (HOSTED, "artifacts-eu", "n.template", False),
    ],
    ids=["yaml", "json", "cdk", "short form", "sam", "nested, path style", "nested, host style"],
)
def test_a_file_that_a_template_refers_to_is_found(template: str, bucket: str, key: str, local: bool) -> None:
    (found,) = packaged_files(template)
    assert (found.bucket, found.key, found.local) == (bucket, key, local)


@pytest.mark.parametrize(
    "template",
    [
        '{"Code": {"S3Bucket": {"Ref": "Bucket"}, "S3Key": {"Ref": "Key"}}}',
        '{"Code": {"S3Bucket": {"Fn::Sub": "code-${Stage}"}, "S3Key": "k"}}',
        "Code:\n  ZipFile: print(1)\n",
    ],
    ids=["parameters", "own substitution", "inline"],
)
def test_a_name_that_only_cloudformation_knows_is_not_looked_for(template: str) -> None:
    assert packaged_files(template) == ()


def test_an_image_is_found_by_tag_and_by_digest() -> None:
    registry = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"
    digest = f"sha256:{'0a' * 32}"
    tagged, fixed = packaged_images(f'"Image": "{registry}/team/api:v1.2"\nImage: {registry}/web@{digest}\n')
    assert (tagged.account, tagged.region, tagged.repository, tagged.tag) == (
        "111111111111",
        "eu-west-1",
        "team/api",
        "v1.2",
    )
    assert (fixed.repository, fixed.tag) == ("web", digest)


@pytest.mark.parametrize(
    ("template", "macros"),
    [
        (SAM, True),
        ('{"Transform": "AWS::LanguageExtensions"}', True),
        ('{"Resources": {"Fn::Transform": {"Name": "AWS::Include"}}}', True),
        (CODE, False),
        ('{"Description": "Transform: of nothing", "TransformX": 1}', False),
    ],
)
def test_macros_are_found(template: str, macros: bool) -> None:
    assert has_macros(template) is macros
