"""The settings of the tests: production's, whatever this machine's .env says."""

import os

# Before the settings are read, and passed on to the processes that tests start. What is already set stays:
# DATABASE_URL decides on which database the tests run.
for name, value in {
    "DATABASE_URL": "sqlite:///:memory:",
    "SECRET_KEY": "only-for-tests-" + "x" * 50,
    "ALUMNISYNC_ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    "HTTPS": "false",
    "ALLOW_PRIVATE_ADDRESSES": "true",
    "ALLOW_MEMORY_SYSTEM": "true",
    "ALLOWED_HOSTS": "",
    "BROKER_URL": "",
    "DEBUG": "",
    "DEFAULT_FROM_EMAIL": "",
    "EMAIL_URL": "",
    "FILES_FOLDER": "",
    "TIME_ZONE": "",
}.items():
    os.environ.setdefault(name, value)

from alumnisync.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
