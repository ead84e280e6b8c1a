"""Every wrong setting stops the start with one clear line; the environment wins over `.env`."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.config import PUBLIC_OAUTH, Config, ConfigError

GOOD = {"MOLVA_SECRET_KEY": "a-key-that-is-long-enough", "MOLVA_PUBLIC_URL": "https://molva.example.com/"}


def read(tmp_path: Path, **values: str) -> Config:
    return Config.from_env(GOOD | values, tmp_path)


def test_two_names_are_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert config.public_url == "https://molva.example.com"
    assert config.database_url == "sqlite:///molva.db"
    assert config.oauth_origins == PUBLIC_OAUTH
    assert not config.allow_http
    assert config.test_clock is None


def test_missing_names_are_all_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        Config.from_env({}, tmp_path)
    assert [line.split()[0] for line in error.value.problems] == ["MOLVA_SECRET_KEY", "MOLVA_PUBLIC_URL"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MOLVA_SECRET_KEY", "short", "16 characters"),
        ("MOLVA_SECRET_KEY", "a-key-that-is-long-enough,short", "16 characters"),
        ("MOLVA_PUBLIC_URL", "molva.example.com", "https://"),
        ("MOLVA_BITRIX_OAUTH_URL", ",", "at least one"),
        ("MOLVA_PUBLIC_URL", "http://molva.example.com", "MOLVA_ALLOW_HTTP_PORTALS"),
        ("MOLVA_DATABASE_URL", "mysql://root@db/molva", "postgresql://"),
        ("MOLVA_DATABASE_URL", "not a url", "sqlite:///"),
        ("MOLVA_BITRIX_CLIENT_ID", "app.1", "belong together"),
        ("MOLVA_BITRIX_OAUTH_URL", "https://oauth.example/rest/", "scheme and host only"),
        ("MOLVA_BITRIX_OAUTH_URL", "http://oauth.example", "MOLVA_ALLOW_HTTP_PORTALS"),
        ("MOLVA_DNS_SERVER", "127.0.0.1", "host:port"),
        ("MOLVA_DNS_SERVER", "127.0.0.1:99999", "host:port"),
        ("MOLVA_TEST_CLOCK", "clock", "refused unless"),
        ("MOLVA_ALLOW_HTTP_PORTALS", "yes", "0 or 1"),
        ("MOLVA_SMTP_URL", "mail.example:25", "smtp://"),
        ("MOLVA_SMTP_URL", "smtp://mail.example:port", "smtp://"),
        ("MOLVA_OPERATOR_CONTACTS", "help@example.com, our office", "separated by commas"),
        ("MOLVA_OPERATOR_CONTACTS", "https://", "separated by commas"),
        ("MOLVA_LOG_LEVEL", "loud", "debug, info"),
        ("MOLVA_LOG_FORMAT", "xml", "text, json"),
        ("MOLVA_SECRT_KEY", "x", "not a setting"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting_and_the_way_out(
    tmp_path: Path, name: str, value: str, says: str
) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, **{name: value})
    (line,) = error.value.problems
    assert name in line
    assert says in line
    assert "\n" not in line


def test_a_problem_never_repeats_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, MOLVA_SMTP_URL="ftp://user:hunter2@mail", MOLVA_SECRET_KEY="hunter2")
    assert "hunter2" not in str(error.value)


def test_a_config_shows_no_secret_when_printed(tmp_path: Path) -> None:
    config = read(tmp_path, MOLVA_SMTP_URL="smtp://user:hunter2@mail", MOLVA_METRICS_TOKEN="hunter2")
    assert "hunter2" not in repr(config)
    assert "long-enough" not in repr(config)


def test_the_environment_wins_over_the_file_in_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MOLVA_LOG_LEVEL=debug\nMOLVA_LOG_FORMAT=json\n", encoding="utf-8")
    config = read(tmp_path, MOLVA_LOG_LEVEL="error")
    assert (config.log_level, config.log_format) == ("error", "json")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a-key-from-a-file-long-enough\n", encoding="utf-8")
    values = {"MOLVA_SECRET_KEY_FILE": str(tmp_path / "key"), "MOLVA_PUBLIC_URL": "https://m.example"}
    assert Config.from_env(values, tmp_path).secret_keys == ("a-key-from-a-file-long-enough",)
    with pytest.raises(ConfigError, match="cannot read"):
        Config.from_env(values | {"MOLVA_SECRET_KEY_FILE": str(tmp_path / "none")}, tmp_path)


def test_the_test_clock_needs_an_existing_file_and_a_sandbox(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    with pytest.raises(ConfigError, match="there is no file"):
        read(tmp_path, MOLVA_TEST_CLOCK=str(clock), MOLVA_ALLOW_HTTP_PORTALS="1")
    clock.write_text("0", encoding="ascii")
    assert read(tmp_path, MOLVA_TEST_CLOCK=str(clock), MOLVA_ALLOW_HTTP_PORTALS="1").test_clock == clock


def test_the_operator_is_reached_by_mail_phone_and_page(tmp_path: Path) -> None:
    said = "help@example.com, +1 (555) 0100-22,https://example.com/help ,"
    operator = read(tmp_path, MOLVA_OPERATOR_NAME="Example Ltd", MOLVA_OPERATOR_CONTACTS=said).operator
    assert operator.name == "Example Ltd"
    assert operator.contacts == ("help@example.com", "+1 (555) 0100-22", "https://example.com/help")
    assert read(tmp_path).operator.contacts == ()
