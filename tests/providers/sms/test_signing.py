"""The signatures, against examples that the providers published."""

from unqueue.providers.sms import aliyun_signing, tencent_signing


def test_the_example_of_alibaba_cloud() -> None:
    """From "V3 request structure and signature" (alibabacloud.com/help/en/sdk), "Fixed parameters"."""
    parameters = {"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    signed = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": empty,
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    assert aliyun_signing.content_hash(b"") == empty
    sign = aliyun_signing.signature("YourAccessKeySecret", "POST", "/", parameters, signed)
    assert aliyun_signing.authorization("YourAccessKeyId", signed, sign) == (
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;"
        "x-acs-signature-nonce;x-acs-version,"
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    )


def test_the_example_of_tencent_cloud() -> None:
    """From "Signature v3" (intl.cloud.tencent.com/document/api), with the key pair that its older edition showed."""
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    signed = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    secret_id, secret = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
    sign = tencent_signing.signature(secret, 1551113065, "cvm", signed, body)
    within = tencent_signing.scope(1551113065, "cvm")
    assert tencent_signing.authorization(secret_id, within, signed, sign) == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )
