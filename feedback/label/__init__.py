"""The labelling page: a local web server where people answer the queries of a feedback store."""
