/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "format/docker_archive.h"

#include "base/fd.h"
#include "base/path.h"
#include "format/oci.h"

#include <string.h>

void docker_archive_done(struct docker_archive *a)
{
	for (size_t i = 0; i < a->nlayers; i++)
		free(a->layers[i]);
	free(a->layers);
	free(a->config);
	*a = (struct docker_archive){ 0 };
}

static int take_layers(const json_t *image, struct docker_archive *a, struct firn_error *err)
{
	json_t *list;
	int rc = json_get_array(image, "Layers", &list, err);

	if (rc < 0)
		return rc;
	if (json_array_size(list) > OCI_LAYERS_MAX)
		return firn_fail(err, FIRN_ELIMIT, "\"Layers\": more than %d", OCI_LAYERS_MAX);
	a->layers = calloc(json_array_size(list) + 1, sizeof(*a->layers));
	if (!a->layers)
		return firn_fail_oom(err, "layers");
	for (; a->nlayers < json_array_size(list); a->nlayers++) {
		const char *path = json_string_value(json_array_get(list, a->nlayers));

		if (!path)
			return firn_fail(err, FIRN_ECORRUPT, "Layers[%zu]: expected a string",
					 a->nlayers);
		rc = path_normalise(path, &a->layers[a->nlayers], err);
		if (rc < 0)
			return firn_wrap(err, rc, "Layers[%zu]", a->nlayers);
	}
	return 0;
}

int docker_archive_parse(const char *text, size_t len, struct docker_archive *ret,
			 struct firn_error *err)
{
	_cleanup_(docker_archive_done) struct docker_archive a = { 0 };
	_json_ json_t *doc = NULL;
	const char *config;
	json_t *image;
	int rc = json_parse(text, len, &doc, err);

	if (rc < 0)
		return rc;
	if (!json_is_array(doc) || json_array_size(doc) == 0)
		return firn_fail(err, FIRN_ECORRUPT, "is no list of images");
	if (json_array_size(doc) > 1)
		return firn_fail(err, FIRN_EINVAL,
				 "has %zu images; an archive with one can be read",
				 json_array_size(doc));
	image = json_array_get(doc, 0);
	if ((rc = json_get_str(image, "Config", &config, err)) < 0 ||
	    (rc = firn_wrap(err, path_normalise(config, &a.config, err), "\"Config\"")) < 0 ||
	    (rc = take_layers(image, &a, err)) < 0)
		return rc;
	*ret = a;
	a = (struct docker_archive){ 0 };
	return 0;
}
