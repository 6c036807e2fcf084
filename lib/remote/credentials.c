/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "remote/credentials.h"

#include "base/fd.h"
#include "bytes/base64.h"
#include "bytes/json.h"

#include <string.h>

static void wipe(char **text)
{
	if (*text)
		explicit_bzero(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void credentials_done(struct credentials *c)
{
	wipe(&c->user);
	wipe(&c->password);
	wipe(&c->identity);
}

static int take(struct credentials *c, const char *user, size_t user_len, const char *password,
		struct firn_error *err)
{
	c->user = strndup(user, user_len);
	c->password = strdup(password);
	return c->user && c->password ? 0 : firn_fail_oom(err, "credentials");
}

int credentials_parse(const char *text, struct credentials *ret, struct firn_error *err)
{
	_cleanup_(credentials_done) struct credentials c = { NULL, NULL, NULL };
	const size_t user = strcspn(text, ":");
	int rc;

	if (!user)
		return firn_fail(err, FIRN_EINVAL, "credentials: expected USER or USER:PASSWORD");
	rc = take(&c, text, user, text[user] ? text + user + 1 : "", err);
	if (rc < 0)
		return rc;
	*ret = c;
	c = (struct credentials){ NULL, NULL, NULL };
	return 0;
}

/* "auth": base64 of "USER:PASSWORD", behind which docker may have had NULs. */
static int take_auth(const char *auth, struct credentials *c, struct firn_error *err)
{
	_buf_ struct buf plain = BUF_INIT;
	int rc;

	if (!base64_decode(auth, &plain) || !plain.len)
		return firn_fail(err, FIRN_ECORRUPT, "\"auth\" is no base64");
	if ((rc = buf_check(&plain, err)) < 0)
		return rc;
	if (!strchr((char *)plain.data, ':'))
		rc = firn_fail(err, FIRN_ECORRUPT, "\"auth\" isn't USER:PASSWORD in base64");
	else
		rc = credentials_parse((char *)plain.data, c, err);
	explicit_bzero(plain.data, plain.len);
	return rc;
}

/* One entry of "auths"; one that says nothing is as good as none. */
static int take_entry(const json_t *entry, struct credentials *ret, struct firn_error *err)
{
	_cleanup_(credentials_done) struct credentials c = { NULL, NULL, NULL };
	const char *auth = NULL, *identity = NULL, *user = NULL, *password = NULL;
	int rc;

	if ((rc = json_opt_str(entry, "identitytoken", &identity, err)) < 0 ||
	    (rc = json_opt_str(entry, "auth", &auth, err)) < 0 ||
	    (rc = json_opt_str(entry, "username", &user, err)) < 0 ||
	    (rc = json_opt_str(entry, "password", &password, err)) < 0)
		return rc;
	if (auth && *auth)
		rc = take_auth(auth, &c, err);
	else if (user && *user && password)
		rc = take(&c, user, strlen(user), password, err);
	if (rc < 0)
		return rc;
	if (identity && *identity && !(c.identity = strdup(identity)))
		return firn_fail_oom(err, "credentials");
	if (!c.user && !c.identity)
		return CREDENTIALS_NONE;
	*ret = c;
	c = (struct credentials){ NULL, NULL, NULL };
	return CREDENTIALS_HERE;
}

/* The host in "https://HOST/v1/", as old versions of docker wrote it. */
static bool is_old_name(const char *key, const char *host)
{
	const size_t len = strlen(host);

	if (strncmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncmp(key, "http://", 7) == 0)
		key += 7;
	else
		return false;
	return strncmp(key, host, len) == 0 && (key[len] == '/' || !key[len]);
}

static int find_old(const json_t *auths, const char *host, struct credentials *ret,
		    struct firn_error *err)
{
	json_t *entry;
	const char *key;
	int rc = CREDENTIALS_NONE;

	json_object_foreach ((json_t *)auths, key, entry) {
		if (is_old_name(key, host))
			rc = take_entry(entry, ret, err);
		if (rc != CREDENTIALS_NONE)
			return rc;
	}
	return rc;
}

/* "HOST/a/b", then "HOST/a", then "HOST". */
static int find_entry(const json_t *auths, const char *host, const char *repository,
		      struct credentials *ret, struct firn_error *err)
{
	_free_ char *name = NULL;
	const size_t host_len = strlen(host);
	size_t len = host_len + 1 + strlen(repository);

	if (asprintf(&name, "%s/%s", host, repository) < 0) {
		name = NULL;
		return firn_fail_oom(err, "credentials");
	}
	for (;;) {
		const json_t *entry = json_object_get(auths, name);
		const int rc = entry ? take_entry(entry, ret, err) : CREDENTIALS_NONE;

		if (rc < 0)
			return firn_wrap(err, rc, "\"%s\"", name);
		if (rc != CREDENTIALS_NONE)
			return rc;
		if (len == host_len)
			return find_old(auths, host, ret, err);
		do
			len--;
		while (len > host_len && name[len] != '/');
		name[len] = '\0';
	}
}

/* A program's name is made of it. */
static bool is_helper(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && len <= CREDENTIALS_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "_.-") == len;
}

static int take_helper(const char *name, char **ret, struct firn_error *err)
{
	if (!is_helper(name))
		return firn_fail(err, FIRN_ECORRUPT, "a credential helper's name is none");
	*ret = strdup(name);
	return *ret ? CREDENTIALS_HELPER : firn_fail_oom(err, "credentials");
}

int credentials_find(const char *text, size_t len, const char *host, const char *repository,
		     struct credentials *ret, char **ret_helper, struct firn_error *err)
{
	_json_ json_t *j = NULL;
	json_t *helpers = NULL, *auths = NULL;
	const char *name = NULL;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_opt_object(j, "credHelpers", &helpers, err)) < 0)
		return rc;
	if (helpers && (rc = json_opt_str(helpers, host, &name, err)) < 0)
		return rc;
	if (name && *name)
		return take_helper(name, ret_helper, err);
	if ((rc = json_opt_object(j, "auths", &auths, err)) < 0)
		return rc;
	rc = auths ? find_entry(auths, host, repository, ret, err) : CREDENTIALS_NONE;
	if (rc != CREDENTIALS_NONE || (rc = json_opt_str(j, "credsStore", &name, err)) < 0)
		return rc;
	return name && *name ? take_helper(name, ret_helper, err) : CREDENTIALS_NONE;
}

int credentials_answer(const char *text, size_t len, struct credentials *ret,
		       struct firn_error *err)
{
	_cleanup_(credentials_done) struct credentials c = { NULL, NULL, NULL };
	_json_ json_t *j = NULL;
	const char *user, *secret;
	int rc;

	if ((rc = json_parse(text, len, &j, err)) < 0 ||
	    (rc = json_get_str(j, "Username", &user, err)) < 0 ||
	    (rc = json_get_str(j, "Secret", &secret, err)) < 0)
		return rc;
	if (!*secret)
		return CREDENTIALS_NONE;
	/* The helpers' protocol: such a user has an identity token. */
	if (strcmp(user, "<token>") == 0)
		c.identity = strdup(secret);
	else if ((rc = take(&c, user, strlen(user), secret, err)) < 0)
		return rc;
	if (!c.identity && !c.user)
		return firn_fail_oom(err, "credentials");
	*ret = c;
	c = (struct credentials){ NULL, NULL, NULL };
	return CREDENTIALS_HERE;
}
