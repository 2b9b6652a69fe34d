-- SPDX-License-Identifier: MIT
--
-- The settings of a winnow relay, version 1 of the schema: its tables.  What
-- came later stands in migrations/, in the order of the numbers.  All of it is
-- applied by `winnowctl db init`, or by hand with the mysql client.
--
-- MariaDB commits each statement here by itself, so each can be repeated: an
-- interrupted `db init` is run again.
--
-- Names are compared byte by byte (utf8mb4_nopad_bin): they are stored in lower
-- case, and rows sort in the order of their bytes.  Times are UTC inside,
-- whatever time zone a client has, because they are TIMESTAMPs.

CREATE TABLE IF NOT EXISTS schema_version (
    version INT UNSIGNED NOT NULL PRIMARY KEY,
    applied_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    applied_by VARCHAR(255) NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS domain (
    name VARCHAR(253) NOT NULL PRIMARY KEY,
    enabled TINYINT(1) NOT NULL DEFAULT 1,
    status ENUM('initializing', 'ready', 'suspended') NOT NULL
        DEFAULT 'ready',
    delivery ENUM('even', 'ordered') NOT NULL DEFAULT 'even',
    mailboxes ENUM('any', 'listed') NOT NULL DEFAULT 'any',
    filter_default ENUM('on', 'off') NOT NULL DEFAULT 'on',
    firewall TINYINT(1) NOT NULL DEFAULT 0,
    egress_pool VARCHAR(64) NULL,
    tls ENUM('none', 'may', 'require', 'verify', 'dane') NOT NULL
        DEFAULT 'may',
    max_message_size BIGINT UNSIGNED NULL COMMENT 'bytes',
    reject_text VARCHAR(1024) NULL,
    queue_lifetime INT UNSIGNED NULL COMMENT 'seconds',
    delay_notice INT UNSIGNED NULL COMMENT 'seconds',
    technical_contact VARCHAR(320) NULL,
    CONSTRAINT domain_name_form CHECK (
        name REGEXP '^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$'),
    CONSTRAINT domain_enabled_bool CHECK (enabled IN (0, 1)),
    CONSTRAINT domain_firewall_bool CHECK (firewall IN (0, 1))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS domain_server (
    domain VARCHAR(253) NOT NULL,
    position INT NOT NULL,
    host VARCHAR(255) NOT NULL,
    port INT NOT NULL DEFAULT 25,
    weight INT NOT NULL DEFAULT 1,
    tls ENUM('none', 'may', 'require', 'verify', 'dane') NULL,
    enabled TINYINT(1) NOT NULL DEFAULT 1,
    PRIMARY KEY (domain, position),
    CONSTRAINT domain_server_domain FOREIGN KEY (domain)
        REFERENCES domain (name) ON DELETE CASCADE,
    CONSTRAINT domain_server_host CHECK (host <> ''),
    CONSTRAINT domain_server_port CHECK (port BETWEEN 1 AND 65535),
    CONSTRAINT domain_server_weight CHECK (weight BETWEEN 1 AND 65535),
    CONSTRAINT domain_server_enabled CHECK (enabled IN (0, 1))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS domain_filter (
    domain VARCHAR(253) NOT NULL,
    filter VARCHAR(64) NOT NULL COMMENT 'the name of an instance in conf.d',
    enabled TINYINT(1) NOT NULL DEFAULT 1,
    position INT NULL COMMENT 'NULL: as in conf.d',
    action VARCHAR(64) NULL,
    on_match ENUM('stop', 'continue') NULL,
    on_error ENUM('skip', 'tempfail') NULL,
    PRIMARY KEY (domain, filter),
    CONSTRAINT domain_filter_domain FOREIGN KEY (domain)
        REFERENCES domain (name) ON DELETE CASCADE,
    CONSTRAINT domain_filter_enabled CHECK (enabled IN (0, 1)),
    CONSTRAINT domain_filter_position CHECK (position >= 0)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The filter needs no row in domain_filter: an option alone changes just that.
CREATE TABLE IF NOT EXISTS domain_filter_option (
    domain VARCHAR(253) NOT NULL,
    filter VARCHAR(64) NOT NULL,
    name VARCHAR(64) NOT NULL COMMENT 'an option, or action.text, ...',
    value TEXT NOT NULL,
    PRIMARY KEY (domain, filter, name),
    CONSTRAINT domain_filter_option_domain FOREIGN KEY (domain)
        REFERENCES domain (name) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS mailbox (
    domain VARCHAR(253) NOT NULL,
    local_part VARCHAR(64) NOT NULL,
    kind ENUM('account', 'alias') NOT NULL DEFAULT 'account',
    filtering ENUM('default', 'on', 'off') NOT NULL DEFAULT 'default',
    PRIMARY KEY (domain, local_part),
    CONSTRAINT mailbox_domain FOREIGN KEY (domain)
        REFERENCES domain (name) ON DELETE CASCADE,
    CONSTRAINT mailbox_local_part CHECK (
        local_part <> '' AND local_part = LOWER(local_part))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS access_entry (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    domain VARCHAR(253) NOT NULL,
    verdict ENUM('allow', 'block') NOT NULL,
    kind ENUM('client', 'sender', 'sender_domain', 'helo') NOT NULL,
    value VARCHAR(320) NOT NULL,
    note VARCHAR(255) NOT NULL DEFAULT '',
    UNIQUE KEY access_entry_once (domain, verdict, kind, value),
    CONSTRAINT access_entry_domain FOREIGN KEY (domain)
        REFERENCES domain (name) ON DELETE CASCADE,
    CONSTRAINT access_entry_value CHECK (value <> '')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- The lists of the filters.  768 characters are the most that a unique index
-- takes.
CREATE TABLE IF NOT EXISTS url_entry (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    value VARCHAR(768) NOT NULL COMMENT 'host, host/path or URL',
    source VARCHAR(64) NOT NULL DEFAULT '',
    note VARCHAR(255) NOT NULL DEFAULT '',
    added_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP NULL DEFAULT NULL,
    UNIQUE KEY url_entry_value (value),
    KEY url_entry_expires_at (expires_at),
    CONSTRAINT url_entry_value_form CHECK (value <> '')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS phone_entry (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    value VARCHAR(32) NOT NULL COMMENT 'digits with country code',
    source VARCHAR(64) NOT NULL DEFAULT '',
    note VARCHAR(255) NOT NULL DEFAULT '',
    added_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP NULL DEFAULT NULL,
    UNIQUE KEY phone_entry_value (value),
    KEY phone_entry_expires_at (expires_at),
    CONSTRAINT phone_entry_value_form CHECK (value <> '')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS phrase_entry (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    value VARCHAR(768) NOT NULL COMMENT 'the phrase as written',
    source VARCHAR(64) NOT NULL DEFAULT '',
    note VARCHAR(255) NOT NULL DEFAULT '',
    added_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at TIMESTAMP NULL DEFAULT NULL,
    UNIQUE KEY phrase_entry_value (value),
    KEY phrase_entry_expires_at (expires_at),
    CONSTRAINT phrase_entry_value_form CHECK (value <> '')
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS relay (
    name VARCHAR(253) NOT NULL PRIMARY KEY,
    site VARCHAR(253) NOT NULL,
    preference INT NOT NULL,
    enabled TINYINT(1) NOT NULL DEFAULT 1,
    CONSTRAINT relay_preference CHECK (preference BETWEEN 0 AND 65535),
    CONSTRAINT relay_enabled CHECK (enabled IN (0, 1))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- What the relays tell.  A relay need not be listed in relay to be heard.
CREATE TABLE IF NOT EXISTS relay_status (
    relay VARCHAR(253) NOT NULL PRIMARY KEY,
    generation BIGINT UNSIGNED NOT NULL,
    revision BIGINT UNSIGNED NOT NULL,
    version VARCHAR(32) NOT NULL,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
        ON UPDATE CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS sync_problem (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    relay VARCHAR(253) NOT NULL,
    object VARCHAR(512) NOT NULL COMMENT 'domain example.com, ...',
    detail VARCHAR(2048) NOT NULL,
    seen_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    KEY sync_problem_relay (relay)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS setting_change (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    actor VARCHAR(400) NOT NULL,
    table_name VARCHAR(64) NOT NULL,
    row_key VARCHAR(512) NOT NULL,
    `old` LONGTEXT NULL,
    `new` LONGTEXT NULL,
    KEY setting_change_at (at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;
