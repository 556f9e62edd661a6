"""A module that reports its secret, or breaks with it in its exception."""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    module = AnsibleModule(argument_spec={"said": {"type": "str"}, "break_it": {"type": "bool", "default": False}})
    said = module.params["said"]
    if module.params["break_it"]:
        raise RuntimeError(said)
    module.exit_json(changed=True, msg=said, prov_report={"health": "healthy", "note": said, said: [said]})


if __name__ == "__main__":
    main()
