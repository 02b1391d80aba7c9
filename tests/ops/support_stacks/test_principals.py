"""Which accounts a policy lets write or encrypt; whoever cannot be identified counts as anyone."""

from typing import Any

import pytest

from ops.support_stacks.principals import ANYONE, encrypters, writers

A, B = "111111111111", "222222222222"


def policy(principal: Any, action: Any = "s3:PutObject", **more: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, **more}]}


@pytest.mark.parametrize(
    ("principal", "accounts"),
    [
        ("*", {ANYONE}),
        ({"AWS": "*"}, {ANYONE}),
        ({"AWS": A}, {A}),
        ({"AWS": f"arn:aws:iam::{A}:root"}, {A}),
        ({"AWS": f"arn:aws-cn:sts::{A}:assumed-role/x/y"}, {A}),
        ({"AWS": [f"arn:aws:iam::{A}:role/x", B]}, {A, B}),
        ({"AWS": [A, "*"]}, {A, ANYONE}),
        ({"AWS": "AROAEXAMPLE"}, set()),  # the id of a deleted role
        ({"CanonicalUser": "79a5" * 16}, {ANYONE}),
        ({"CanonicalUser": "79a5", "AWS": A}, {A, ANYONE}),
        ({"Service": "codepipeline.amazonaws.com"}, set()),
    ],
)
def test_principals_are_accounts_or_anyone(principal: Any, accounts: set[str]) -> None:
    assert writers(policy(principal)) == accounts


def test_a_statement_without_a_principal_means_anyone() -> None:
    statement = {"Effect": "Allow", "NotPrincipal": {"AWS": A}, "Action": "s3:*"}
    assert writers({"Statement": statement}) == {ANYONE}


@pytest.mark.parametrize(
    ("action", "writes"),
    [
        ("s3:PutObject", True),
        ("S3:putobject", True),
        ("s3:Put*", True),
        ("*", True),
        (["s3:GetObject", "s3:P?tObject"], True),
        ("s3:GetObject*", False),
        ("s3:PutBucketPolicy", False),
        ([], False),
    ],
    ids=str,
)
def test_an_action_is_matched_like_iam_does(action: Any, writes: bool) -> None:
    assert writers(policy({"AWS": A}, action)) == ({A} if writes else set())


def test_a_statement_with_exceptions_covers_every_action() -> None:
    statement = {"Effect": "Allow", "Principal": {"AWS": A}, "NotAction": "s3:PutObject"}
    assert writers({"Statement": [statement]}) == {A}


def test_denials_allow_nothing_and_all_statements_count() -> None:
    denied = policy({"AWS": A}, Effect="Deny")
    assert writers(denied) == set()
    both = {"Statement": [*policy({"AWS": A})["Statement"], *policy({"AWS": B})["Statement"]]}
    assert writers(both) == {A, B}
    assert writers(None) == writers({}) == set()


@pytest.mark.parametrize("action", ["kms:Encrypt", "kms:GenerateDataKey*", "kms:*"])
def test_a_key_is_used_to_encrypt(action: str) -> None:
    assert encrypters(policy({"AWS": A}, action)) == {A}
    assert encrypters(policy({"AWS": A}, "kms:Decrypt")) == set()
