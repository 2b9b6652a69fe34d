-- SPDX-License-Identifier: MIT
--
-- Version 2: changes are noticed, whoever makes them.
--
-- Triggers on every table of settings call winnow_record(), which
--
--   1. raises settings_revision.  The lock on its only row is held until the
--      transaction ends, so transactions that change settings stand in line
--      there, and revisions appear in the order of the commits: whoever has
--      seen revision R will never find a change of R or before R later on.
--      A transaction that is rolled back leaves no gap.
--   2. writes a row of setting_change with that revision: who (the account, as
--      it connected; before it the session's @winnow_actor, where a control
--      panel serves many people with one account), which row, and what it was
--      and is, as JSON.
--
-- So `SELECT ... FROM setting_change WHERE revision > R` is all that changed
-- since R.  Old rows may be deleted: a reader that finds the revision after its
-- own missing reads everything.
--
-- An update that leaves a row as it was is no change.  One that changes the key
-- is two: the old row went, a new one came.
--
-- A session that sets @winnow_bulk is not recorded row by row.  It must call
-- winnow_table_changed() for each table before it commits, which tells readers
-- (row_key '*') to read that table anew.  `winnowctl db import` does so for
-- long files; everybody else leaves it alone.
--
-- Deleting a domain deletes what belongs to it in a trigger, so that this is
-- recorded too: cascades of a foreign key run no triggers.

CREATE TABLE IF NOT EXISTS settings_revision (
    id TINYINT UNSIGNED NOT NULL PRIMARY KEY DEFAULT 1,
    revision BIGINT UNSIGNED NOT NULL,
    CONSTRAINT settings_revision_single CHECK (id = 1)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

INSERT IGNORE INTO settings_revision (id, revision) VALUES (1, 1);

ALTER TABLE setting_change
    ADD COLUMN IF NOT EXISTS revision BIGINT UNSIGNED NOT NULL DEFAULT 0
        AFTER id,
    ADD COLUMN IF NOT EXISTS domain VARCHAR(253) NULL
        COMMENT 'whose setting it is' AFTER table_name,
    ADD INDEX IF NOT EXISTS setting_change_revision (revision, domain);

DELIMITER //

CREATE OR REPLACE PROCEDURE winnow_record (
    IN changed_table VARCHAR(64) CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin,
    IN changed_domain VARCHAR(253) CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin,
    IN changed_key VARCHAR(512) CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin,
    IN was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin,
    IN is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY DEFINER MODIFIES SQL DATA
BEGIN
    UPDATE settings_revision SET revision = revision + 1 WHERE id = 1;
    INSERT INTO setting_change
        (revision, actor, table_name, domain, row_key, `old`, `new`)
    SELECT revision,
        CONCAT(COALESCE(CONCAT(LEFT(CONVERT(@winnow_actor USING utf8mb4), 128),
            ' via '), ''), USER()),
        changed_table, changed_domain, changed_key, was, is_now
    FROM settings_revision WHERE id = 1;
END
//

CREATE OR REPLACE PROCEDURE winnow_table_changed (
    IN changed_table VARCHAR(64) CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin,
    IN detail LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin)
SQL SECURITY DEFINER MODIFIES SQL DATA
BEGIN
    CALL winnow_record(changed_table, NULL, '*', NULL, detail);
END
//

CREATE OR REPLACE TRIGGER domain_inserted AFTER INSERT ON domain
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain', NEW.name,
        NEW.name, NULL,
        JSON_OBJECT(
            'name', NEW.name, 'enabled', NEW.enabled, 'status', NEW.status,
            'delivery', NEW.delivery, 'mailboxes', NEW.mailboxes,
            'filter_default', NEW.filter_default, 'firewall', NEW.firewall,
            'egress_pool', NEW.egress_pool, 'tls', NEW.tls,
            'max_message_size', NEW.max_message_size,
            'reject_text', NEW.reject_text,
            'queue_lifetime', NEW.queue_lifetime,
            'delay_notice', NEW.delay_notice,
            'technical_contact', NEW.technical_contact));
END IF
//

CREATE OR REPLACE TRIGGER domain_deleted AFTER DELETE ON domain
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain', OLD.name,
        OLD.name,
        JSON_OBJECT(
            'name', OLD.name, 'enabled', OLD.enabled, 'status', OLD.status,
            'delivery', OLD.delivery, 'mailboxes', OLD.mailboxes,
            'filter_default', OLD.filter_default, 'firewall', OLD.firewall,
            'egress_pool', OLD.egress_pool, 'tls', OLD.tls,
            'max_message_size', OLD.max_message_size,
            'reject_text', OLD.reject_text,
            'queue_lifetime', OLD.queue_lifetime,
            'delay_notice', OLD.delay_notice,
            'technical_contact', OLD.technical_contact), NULL);
END IF
//

CREATE OR REPLACE TRIGGER domain_updated AFTER UPDATE ON domain
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'name', OLD.name, 'enabled', OLD.enabled, 'status', OLD.status,
            'delivery', OLD.delivery, 'mailboxes', OLD.mailboxes,
            'filter_default', OLD.filter_default, 'firewall', OLD.firewall,
            'egress_pool', OLD.egress_pool, 'tls', OLD.tls,
            'max_message_size', OLD.max_message_size,
            'reject_text', OLD.reject_text,
            'queue_lifetime', OLD.queue_lifetime,
            'delay_notice', OLD.delay_notice,
            'technical_contact', OLD.technical_contact);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'name', NEW.name, 'enabled', NEW.enabled, 'status', NEW.status,
            'delivery', NEW.delivery, 'mailboxes', NEW.mailboxes,
            'filter_default', NEW.filter_default, 'firewall', NEW.firewall,
            'egress_pool', NEW.egress_pool, 'tls', NEW.tls,
            'max_message_size', NEW.max_message_size,
            'reject_text', NEW.reject_text,
            'queue_lifetime', NEW.queue_lifetime,
            'delay_notice', NEW.delay_notice,
            'technical_contact', NEW.technical_contact);

    IF OLD.name
        <> NEW.name THEN
        CALL winnow_record('domain', OLD.name,
            OLD.name, was, NULL);
        CALL winnow_record('domain', NEW.name,
            NEW.name, NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('domain', NEW.name,
            NEW.name, was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER domain_server_inserted AFTER INSERT ON domain_server
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain_server', NEW.domain,
        CONCAT_WS('/', NEW.domain, NEW.position), NULL,
        JSON_OBJECT(
            'domain', NEW.domain, 'position', NEW.position,
            'host', NEW.host, 'port', NEW.port, 'weight', NEW.weight,
            'tls', NEW.tls, 'enabled', NEW.enabled));
END IF
//

CREATE OR REPLACE TRIGGER domain_server_deleted AFTER DELETE ON domain_server
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain_server', OLD.domain,
        CONCAT_WS('/', OLD.domain, OLD.position),
        JSON_OBJECT(
            'domain', OLD.domain, 'position', OLD.position,
            'host', OLD.host, 'port', OLD.port, 'weight', OLD.weight,
            'tls', OLD.tls, 'enabled', OLD.enabled), NULL);
END IF
//

CREATE OR REPLACE TRIGGER domain_server_updated AFTER UPDATE ON domain_server
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', OLD.domain, 'position', OLD.position,
            'host', OLD.host, 'port', OLD.port, 'weight', OLD.weight,
            'tls', OLD.tls, 'enabled', OLD.enabled);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', NEW.domain, 'position', NEW.position,
            'host', NEW.host, 'port', NEW.port, 'weight', NEW.weight,
            'tls', NEW.tls, 'enabled', NEW.enabled);

    IF CONCAT_WS('/', OLD.domain, OLD.position)
        <> CONCAT_WS('/', NEW.domain, NEW.position) THEN
        CALL winnow_record('domain_server', OLD.domain,
            CONCAT_WS('/', OLD.domain, OLD.position), was, NULL);
        CALL winnow_record('domain_server', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.position), NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('domain_server', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.position), was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER domain_filter_inserted AFTER INSERT ON domain_filter
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain_filter', NEW.domain,
        CONCAT_WS('/', NEW.domain, NEW.filter), NULL,
        JSON_OBJECT(
            'domain', NEW.domain, 'filter', NEW.filter,
            'enabled', NEW.enabled, 'position', NEW.position,
            'action', NEW.action, 'on_match', NEW.on_match,
            'on_error', NEW.on_error));
END IF
//

CREATE OR REPLACE TRIGGER domain_filter_deleted AFTER DELETE ON domain_filter
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain_filter', OLD.domain,
        CONCAT_WS('/', OLD.domain, OLD.filter),
        JSON_OBJECT(
            'domain', OLD.domain, 'filter', OLD.filter,
            'enabled', OLD.enabled, 'position', OLD.position,
            'action', OLD.action, 'on_match', OLD.on_match,
            'on_error', OLD.on_error), NULL);
END IF
//

CREATE OR REPLACE TRIGGER domain_filter_updated AFTER UPDATE ON domain_filter
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', OLD.domain, 'filter', OLD.filter,
            'enabled', OLD.enabled, 'position', OLD.position,
            'action', OLD.action, 'on_match', OLD.on_match,
            'on_error', OLD.on_error);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', NEW.domain, 'filter', NEW.filter,
            'enabled', NEW.enabled, 'position', NEW.position,
            'action', NEW.action, 'on_match', NEW.on_match,
            'on_error', NEW.on_error);

    IF CONCAT_WS('/', OLD.domain, OLD.filter)
        <> CONCAT_WS('/', NEW.domain, NEW.filter) THEN
        CALL winnow_record('domain_filter', OLD.domain,
            CONCAT_WS('/', OLD.domain, OLD.filter), was, NULL);
        CALL winnow_record('domain_filter', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.filter), NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('domain_filter', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.filter), was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER domain_filter_option_inserted AFTER INSERT ON domain_filter_option
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain_filter_option', NEW.domain,
        CONCAT_WS('/', NEW.domain, NEW.filter, NEW.name), NULL,
        JSON_OBJECT(
            'domain', NEW.domain, 'filter', NEW.filter, 'name', NEW.name,
            'value', NEW.value));
END IF
//

CREATE OR REPLACE TRIGGER domain_filter_option_deleted AFTER DELETE ON domain_filter_option
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('domain_filter_option', OLD.domain,
        CONCAT_WS('/', OLD.domain, OLD.filter, OLD.name),
        JSON_OBJECT(
            'domain', OLD.domain, 'filter', OLD.filter, 'name', OLD.name,
            'value', OLD.value), NULL);
END IF
//

CREATE OR REPLACE TRIGGER domain_filter_option_updated AFTER UPDATE ON domain_filter_option
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', OLD.domain, 'filter', OLD.filter, 'name', OLD.name,
            'value', OLD.value);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', NEW.domain, 'filter', NEW.filter, 'name', NEW.name,
            'value', NEW.value);

    IF CONCAT_WS('/', OLD.domain, OLD.filter, OLD.name)
        <> CONCAT_WS('/', NEW.domain, NEW.filter, NEW.name) THEN
        CALL winnow_record('domain_filter_option', OLD.domain,
            CONCAT_WS('/', OLD.domain, OLD.filter, OLD.name), was, NULL);
        CALL winnow_record('domain_filter_option', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.filter, NEW.name), NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('domain_filter_option', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.filter, NEW.name), was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER mailbox_inserted AFTER INSERT ON mailbox
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('mailbox', NEW.domain,
        CONCAT_WS('/', NEW.domain, NEW.local_part), NULL,
        JSON_OBJECT(
            'domain', NEW.domain, 'local_part', NEW.local_part,
            'kind', NEW.kind, 'filtering', NEW.filtering));
END IF
//

CREATE OR REPLACE TRIGGER mailbox_deleted AFTER DELETE ON mailbox
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('mailbox', OLD.domain,
        CONCAT_WS('/', OLD.domain, OLD.local_part),
        JSON_OBJECT(
            'domain', OLD.domain, 'local_part', OLD.local_part,
            'kind', OLD.kind, 'filtering', OLD.filtering), NULL);
END IF
//

CREATE OR REPLACE TRIGGER mailbox_updated AFTER UPDATE ON mailbox
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', OLD.domain, 'local_part', OLD.local_part,
            'kind', OLD.kind, 'filtering', OLD.filtering);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'domain', NEW.domain, 'local_part', NEW.local_part,
            'kind', NEW.kind, 'filtering', NEW.filtering);

    IF CONCAT_WS('/', OLD.domain, OLD.local_part)
        <> CONCAT_WS('/', NEW.domain, NEW.local_part) THEN
        CALL winnow_record('mailbox', OLD.domain,
            CONCAT_WS('/', OLD.domain, OLD.local_part), was, NULL);
        CALL winnow_record('mailbox', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.local_part), NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('mailbox', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.local_part), was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER access_entry_inserted AFTER INSERT ON access_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('access_entry', NEW.domain,
        CONCAT_WS('/', NEW.domain, NEW.id), NULL,
        JSON_OBJECT(
            'id', NEW.id, 'domain', NEW.domain, 'verdict', NEW.verdict,
            'kind', NEW.kind, 'value', NEW.value, 'note', NEW.note));
END IF
//

CREATE OR REPLACE TRIGGER access_entry_deleted AFTER DELETE ON access_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('access_entry', OLD.domain,
        CONCAT_WS('/', OLD.domain, OLD.id),
        JSON_OBJECT(
            'id', OLD.id, 'domain', OLD.domain, 'verdict', OLD.verdict,
            'kind', OLD.kind, 'value', OLD.value, 'note', OLD.note), NULL);
END IF
//

CREATE OR REPLACE TRIGGER access_entry_updated AFTER UPDATE ON access_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', OLD.id, 'domain', OLD.domain, 'verdict', OLD.verdict,
            'kind', OLD.kind, 'value', OLD.value, 'note', OLD.note);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', NEW.id, 'domain', NEW.domain, 'verdict', NEW.verdict,
            'kind', NEW.kind, 'value', NEW.value, 'note', NEW.note);

    IF CONCAT_WS('/', OLD.domain, OLD.id)
        <> CONCAT_WS('/', NEW.domain, NEW.id) THEN
        CALL winnow_record('access_entry', OLD.domain,
            CONCAT_WS('/', OLD.domain, OLD.id), was, NULL);
        CALL winnow_record('access_entry', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.id), NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('access_entry', NEW.domain,
            CONCAT_WS('/', NEW.domain, NEW.id), was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER url_entry_inserted AFTER INSERT ON url_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('url_entry', NULL,
        NEW.id, NULL,
        JSON_OBJECT(
            'id', NEW.id, 'value', NEW.value, 'source', NEW.source,
            'note', NEW.note, 'added_at', NEW.added_at,
            'expires_at', NEW.expires_at));
END IF
//

CREATE OR REPLACE TRIGGER url_entry_deleted AFTER DELETE ON url_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('url_entry', NULL,
        OLD.id,
        JSON_OBJECT(
            'id', OLD.id, 'value', OLD.value, 'source', OLD.source,
            'note', OLD.note, 'added_at', OLD.added_at,
            'expires_at', OLD.expires_at), NULL);
END IF
//

CREATE OR REPLACE TRIGGER url_entry_updated AFTER UPDATE ON url_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', OLD.id, 'value', OLD.value, 'source', OLD.source,
            'note', OLD.note, 'added_at', OLD.added_at,
            'expires_at', OLD.expires_at);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', NEW.id, 'value', NEW.value, 'source', NEW.source,
            'note', NEW.note, 'added_at', NEW.added_at,
            'expires_at', NEW.expires_at);

    IF OLD.id
        <> NEW.id THEN
        CALL winnow_record('url_entry', NULL,
            OLD.id, was, NULL);
        CALL winnow_record('url_entry', NULL,
            NEW.id, NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('url_entry', NULL,
            NEW.id, was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER phone_entry_inserted AFTER INSERT ON phone_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('phone_entry', NULL,
        NEW.id, NULL,
        JSON_OBJECT(
            'id', NEW.id, 'value', NEW.value, 'source', NEW.source,
            'note', NEW.note, 'added_at', NEW.added_at,
            'expires_at', NEW.expires_at));
END IF
//

CREATE OR REPLACE TRIGGER phone_entry_deleted AFTER DELETE ON phone_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('phone_entry', NULL,
        OLD.id,
        JSON_OBJECT(
            'id', OLD.id, 'value', OLD.value, 'source', OLD.source,
            'note', OLD.note, 'added_at', OLD.added_at,
            'expires_at', OLD.expires_at), NULL);
END IF
//

CREATE OR REPLACE TRIGGER phone_entry_updated AFTER UPDATE ON phone_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', OLD.id, 'value', OLD.value, 'source', OLD.source,
            'note', OLD.note, 'added_at', OLD.added_at,
            'expires_at', OLD.expires_at);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', NEW.id, 'value', NEW.value, 'source', NEW.source,
            'note', NEW.note, 'added_at', NEW.added_at,
            'expires_at', NEW.expires_at);

    IF OLD.id
        <> NEW.id THEN
        CALL winnow_record('phone_entry', NULL,
            OLD.id, was, NULL);
        CALL winnow_record('phone_entry', NULL,
            NEW.id, NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('phone_entry', NULL,
            NEW.id, was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER phrase_entry_inserted AFTER INSERT ON phrase_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('phrase_entry', NULL,
        NEW.id, NULL,
        JSON_OBJECT(
            'id', NEW.id, 'value', NEW.value, 'source', NEW.source,
            'note', NEW.note, 'added_at', NEW.added_at,
            'expires_at', NEW.expires_at));
END IF
//

CREATE OR REPLACE TRIGGER phrase_entry_deleted AFTER DELETE ON phrase_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('phrase_entry', NULL,
        OLD.id,
        JSON_OBJECT(
            'id', OLD.id, 'value', OLD.value, 'source', OLD.source,
            'note', OLD.note, 'added_at', OLD.added_at,
            'expires_at', OLD.expires_at), NULL);
END IF
//

CREATE OR REPLACE TRIGGER phrase_entry_updated AFTER UPDATE ON phrase_entry
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', OLD.id, 'value', OLD.value, 'source', OLD.source,
            'note', OLD.note, 'added_at', OLD.added_at,
            'expires_at', OLD.expires_at);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'id', NEW.id, 'value', NEW.value, 'source', NEW.source,
            'note', NEW.note, 'added_at', NEW.added_at,
            'expires_at', NEW.expires_at);

    IF OLD.id
        <> NEW.id THEN
        CALL winnow_record('phrase_entry', NULL,
            OLD.id, was, NULL);
        CALL winnow_record('phrase_entry', NULL,
            NEW.id, NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('phrase_entry', NULL,
            NEW.id, was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER relay_inserted AFTER INSERT ON relay
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('relay', NULL,
        NEW.name, NULL,
        JSON_OBJECT(
            'name', NEW.name, 'site', NEW.site,
            'preference', NEW.preference, 'enabled', NEW.enabled));
END IF
//

CREATE OR REPLACE TRIGGER relay_deleted AFTER DELETE ON relay
FOR EACH ROW IF @winnow_bulk IS NULL THEN
    CALL winnow_record('relay', NULL,
        OLD.name,
        JSON_OBJECT(
            'name', OLD.name, 'site', OLD.site,
            'preference', OLD.preference, 'enabled', OLD.enabled), NULL);
END IF
//

CREATE OR REPLACE TRIGGER relay_updated AFTER UPDATE ON relay
FOR EACH ROW IF @winnow_bulk IS NULL THEN
BEGIN
    DECLARE was LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'name', OLD.name, 'site', OLD.site,
            'preference', OLD.preference, 'enabled', OLD.enabled);
    DECLARE is_now LONGTEXT CHARSET utf8mb4 COLLATE utf8mb4_nopad_bin
        DEFAULT JSON_OBJECT(
            'name', NEW.name, 'site', NEW.site,
            'preference', NEW.preference, 'enabled', NEW.enabled);

    IF OLD.name
        <> NEW.name THEN
        CALL winnow_record('relay', NULL,
            OLD.name, was, NULL);
        CALL winnow_record('relay', NULL,
            NEW.name, NULL, is_now);
    ELSEIF was <> is_now THEN
        CALL winnow_record('relay', NULL,
            NEW.name, was, is_now);
    END IF;
END;
END IF
//

CREATE OR REPLACE TRIGGER domain_before_delete BEFORE DELETE ON domain
FOR EACH ROW
BEGIN
    DELETE FROM domain_server WHERE domain = OLD.name;
    DELETE FROM domain_filter_option WHERE domain = OLD.name;
    DELETE FROM domain_filter WHERE domain = OLD.name;
    DELETE FROM mailbox WHERE domain = OLD.name;
    DELETE FROM access_entry WHERE domain = OLD.name;
END
//

DELIMITER ;
